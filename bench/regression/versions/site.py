"""Where a version runs: its Python, its implementations, and what they register."""

import ast
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench.errors import UserError
from bench.regression.versions import git, venv
from bench.regression.versions.spec import Version
from bench.runner.process.interpreters import find_executable
from bench.runner.process.spec import Installation
from bench.worker import machine
from implementations import IMPLEMENTATIONS, Implementation


@dataclass(frozen=True, slots=True)
class Site:
    """Where a version runs.

    python: an executable, absolute. implementations: the folder that is imported by that name.
    registry: what that folder registers.
    """

    python: str
    implementations: Path
    registry: tuple[Implementation, ...]

    @property
    def place(self) -> Installation:
        """What a child is made of here."""
        return Installation(self.python, self.implementations)


class Changes(NamedTuple):
    """Names of implementations: in both places but different, and in one place only."""

    changed: tuple[str, ...]
    only_base: tuple[str, ...]
    only_candidate: tuple[str, ...]


@contextmanager
def prepared(
    version: Version, chosen: Sequence[Implementation], progress: Callable[[str], None]
) -> Iterator[Site]:
    """Make ready what a version needs to run and have it until the end; raises UserError.

    The harness is always the running one: a revision brings its implementations only.
    chosen: what is to run there, so that an environment has its frameworks. progress: is told, a
    line each, what takes long and what is left out.
    """
    if version.kind == "revision":
        with tempfile.TemporaryDirectory(prefix="softmax-bench-") as scratch:
            yield _unpacked(version, Path(scratch), progress)
    else:
        python = _python(version, chosen, progress)
        yield Site(python, machine.ROOT / "implementations", IMPLEMENTATIONS)


def changed(base: Site, candidate: Site) -> Changes:
    """Compare the registries of two places: the code of each implementation, and its entry.

    The name of a module does not count: files may have moved.
    """
    ours = {entry.name: entry for entry in base.registry}
    theirs = {entry.name: entry for entry in candidate.registry}
    return Changes(
        changed=tuple(
            name
            for name, entry in theirs.items()
            if name in ours
            and (
                replace(entry, module=ours[name].module) != ours[name]
                or _code(candidate, entry) != _code(base, ours[name])
            )
        ),
        only_base=tuple(name for name in ours if name not in theirs),
        only_candidate=tuple(name for name in theirs if name not in ours),
    )


def _unpacked(version: Version, scratch: Path, progress: Callable[[str], None]) -> Site:
    folder = git.unpack(str(version.commit), version.name, scratch)
    registry = git.registry(folder, version.name, scratch, progress)
    return Site(sys.executable, folder, registry)


def _python(
    version: Version, chosen: Sequence[Implementation], progress: Callable[[str], None]
) -> str:
    if version.kind == "packages":
        return venv.python(venv.recipe(version.requirements, chosen), progress)
    if version.kind != "interpreter":
        return sys.executable
    if python := find_executable(str(version.path)):
        return python
    raise UserError(f"{version.path} is not there any more; name another Python")


def _code(site: Site, entry: Implementation) -> list[bytes]:
    """Return the source of an implementation and of everything that it imports from its folder.

    In the order of the imports; nothing of what is missing.
    """
    modules, sources = [entry.module], []
    for module in modules:  # which grows
        path = site.implementations.joinpath(*module.split(".")).with_suffix(".py")
        if path.is_file():
            sources.append(path.read_bytes())
            modules += [name for name in _imports(sources[-1], module) if name not in modules]
    return sources


def _imports(source: bytes, module: str) -> list[str]:
    """Return the modules of ``implementations`` that a source may import, by their names there."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = f"implementations.{module}".split(".")[: -node.level] if node.level else []
            parent = ".".join([*package, node.module or ""]).strip(".")
            names += [parent, *(f"{parent}.{alias.name}" for alias in node.names)]
    return [
        name.removeprefix("implementations.")
        for name in names
        if name.startswith("implementations.")
    ]
