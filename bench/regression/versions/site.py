"""Prepare what a version needs to run: its Python and its implementations."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from bench.errors import UserError
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version
from bench.runner.process.interpreters import require_executable
from bench.runner.process.spec import Installation
from implementations import IMPLEMENTATIONS, Implementation


@dataclass(frozen=True, slots=True)
class Site:
    """What a version runs with.

    registry: the entries of the installation's implementations. checkout: the folder that stands
    for the repository in which the command runs; None for the repository itself.
    """

    installation: Installation
    registry: tuple[Implementation, ...] = IMPLEMENTATIONS
    checkout: Path | None = None


def resolve_versions(
    versions: Iterable[Version],
    pip: venv.PipOptions,
    progress: Callable[[str], None],
    *,
    install: bool,
    additions: Sequence[str] = (),
) -> list[Version]:
    """Return versions with what their environments require. Raises UserError.

    install: whether each revision is built. additions: what both environments get besides:
    packages, and ``extra:NAME`` and ``group:NAME`` of a revision that is built.
    """
    extras, groups = (
        [text.removeprefix(kind) for text in additions if text.startswith(kind)]
        for kind in ("extra:", "group:")
    )
    if not install and (extras or groups):
        raise UserError("extra:NAME and group:NAME need --install. Add it, or name packages")
    others = [text for text in additions if not text.startswith(("extra:", "group:"))]
    try:
        packages = [str(Requirement(text)) for text in others]
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--with: {reason}. Name a package as pip takes it") from error
    resolved = []
    for version in versions:
        requirements = version.requirements
        if install:
            top = Path(str(git.find_repository()))  # the commit was found in it
            requirements = (f"git+{top.as_uri()}@{version.commit}",)
        requirements = venv.resolve_requirements(requirements, pip, progress)
        if install:
            source = Requirement(requirements[0])
            marks = f"[{','.join(sorted(extras))}]" if extras else ""
            requirements = (f"{source.name}{marks} @ {source.url}",)
            requirements += git.read_groups(str(version.commit), groups)
        requirements = tuple(dict.fromkeys((*requirements, *packages)))
        resolved.append(msgspec.structs.replace(version, requirements=requirements))
    return resolved


@contextmanager
def prepare_site(
    version: Version,
    chosen: Sequence[Implementation],
    progress: Callable[[str], None],
    pip: venv.PipOptions = venv.PipOptions(),  # noqa: B008 - frozen
    *,
    whole: bool = False,
) -> Iterator[Site]:
    """Yield the site of a version, which is removed at the end; raise UserError if it fails.

    The suite is always the running one: a revision brings only its implementations, or all of its
    files if it is to be checked out whole. It runs in an environment of its own where it requires
    anything.
    chosen: the implementations that an environment of packages must be able to run. progress: gets
    a line for each slow step and for each part that is left out.
    """
    python = Installation().python
    if version.requirements:
        environment = venv.specify_environment(version.requirements, chosen, pip)
        python = venv.ensure_environment(environment, progress)
    path = Path(str(version.path)).resolve() if version.kind == "folder" else None
    match version.kind:
        case "revision" if whole:
            with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
                git.check_out(str(version.commit), folder := Path(name, "checkout"))
                yield Site(Installation(python), checkout=folder)
        case "revision":
            with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
                folder = git.unpack(str(version.commit), version.name, Path(name))
                registry = git.read_registry(folder, version.name, progress)
                yield Site(Installation(implementations=folder), registry)
        case "interpreter":
            yield Site(Installation(require_executable(str(version.path))))
        case _:
            yield Site(Installation(python, path=path))


def find_changes(baseline: Site, candidate: Site) -> list[str]:
    """Return the implementations that one site lacks, or whose code or registry entry differs.

    Module names are not compared, because files may have moved.
    """
    before = {entry.name: entry for entry in baseline.registry}
    after = {entry.name: entry for entry in candidate.registry}

    def differs(name: str) -> bool:
        if name not in before or name not in after:
            return True
        if replace(after[name], module=before[name].module) != before[name]:
            return True
        return _read_sources(candidate, after[name]) != _read_sources(baseline, before[name])

    return [name for name in {**before, **after} if differs(name)]


def _read_sources(site: Site, entry: Implementation) -> list[bytes]:
    """Return the source of an implementation, and of all device look-ups if it uses one.

    It imports nothing else of its folder. Missing files are skipped.
    """
    folder = site.installation.implementations
    path = folder.joinpath(*entry.module.split(".")).with_suffix(".py")
    sources = [path.read_bytes()] if path.is_file() else []
    if any(b"_devices" in source for source in sources):
        sources += [shared.read_bytes() for shared in sorted(folder.glob("_devices/*.py"))]
    return sources
