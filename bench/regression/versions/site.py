"""Prepare what a version needs to run: its Python and its implementations."""

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
from bench.regression.versions.names import Version
from bench.runner.process.interpreters import find_executable
from bench.runner.process.spec import Installation
from bench.worker import machine
from implementations import IMPLEMENTATIONS, Implementation


@dataclass(frozen=True, slots=True)
class Site:
    """What a version runs with.

    python: absolute path of the executable. implementations: the folder that is imported as
    ``implementations``. registry: the entries of that folder.
    """

    python: str
    implementations: Path
    registry: tuple[Implementation, ...]

    @property
    def installation(self) -> Installation:
        """The installation of a child process."""
        return Installation(self.python, self.implementations)


class RegistryChanges(NamedTuple):
    """Names of implementations: different on both sides, or on one side only."""

    changed: tuple[str, ...]
    only_baseline: tuple[str, ...]
    only_candidate: tuple[str, ...]


@contextmanager
def prepare_site(
    version: Version, chosen: Sequence[Implementation], progress: Callable[[str], None]
) -> Iterator[Site]:
    """Yield the site of a version, which is removed at the end; raise UserError if it fails.

    The suite is always the running one: a revision brings only its implementations.
    chosen: the implementations that an environment of packages must be able to run. progress: gets
    a line for each slow step and for each part that is left out.
    """
    python, folder = sys.executable, machine.ROOT / "implementations"
    match version.kind:
        case "revision":
            with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
                scratch = Path(name)
                folder = git.unpack(str(version.commit), version.name, scratch)
                registry = git.read_registry(folder, version.name, scratch, progress)
                yield Site(python, folder, registry)
            return
        case "packages":
            environment = venv.specify_environment(version.requirements, chosen)
            python = venv.ensure_environment(environment, progress)
        case "interpreter":
            executable = find_executable(str(version.path))
            if executable is None:
                raise UserError(f"{version.path} no longer exists. Name another Python")
            python = executable
    yield Site(python, folder, IMPLEMENTATIONS)


def find_changes(baseline: Site, candidate: Site) -> RegistryChanges:
    """Compare the registries of two sites: the code of each implementation, and its entry.

    Module names are not compared, because files may have moved.
    """
    baseline_entries = {entry.name: entry for entry in baseline.registry}
    candidate_entries = {entry.name: entry for entry in candidate.registry}

    def differ(name: str) -> bool:
        before, after = baseline_entries[name], candidate_entries[name]
        if replace(after, module=before.module) != before:
            return True
        return _read_sources(candidate, after) != _read_sources(baseline, before)

    common = [name for name in candidate_entries if name in baseline_entries]
    return RegistryChanges(
        changed=tuple(name for name in common if differ(name)),
        only_baseline=tuple(name for name in baseline_entries if name not in candidate_entries),
        only_candidate=tuple(name for name in candidate_entries if name not in baseline_entries),
    )


def _read_sources(site: Site, entry: Implementation) -> list[bytes]:
    """Return the source of an implementation and of all modules of its folder that it imports.

    In the order of the imports. Missing files are skipped.
    """
    modules, sources = [entry.module], []
    for module in modules:  # which grows
        path = site.implementations.joinpath(*module.split(".")).with_suffix(".py")
        if path.is_file():
            sources.append(path.read_bytes())
            modules += [name for name in _find_imports(sources[-1], module) if name not in modules]
    return sources


def _find_imports(source: bytes, module: str) -> list[str]:
    """Return the modules of ``implementations`` that a source may import, relative to it."""
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
    prefix = "implementations."
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
