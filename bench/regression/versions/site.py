"""Prepare what a version needs to run programs: its Python and its implementations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import msgspec

from bench.errors import UserError
from bench.regression.result import Reporter
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version
from bench.runner.process import scratch
from bench.runner.process.interpreters import require_executable
from bench.runner.process.launch import launch
from bench.runner.process.spec import ChildSpec, Installation
from implementations import IMPLEMENTATIONS, Implementation

_REGISTRY_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Site:
    """What a version runs with."""

    installation: Installation
    registry: tuple[Implementation, ...] = IMPLEMENTATIONS  # of the installation
    checkout: Path | None = None  # stands for the repository of the command; None for itself


@contextmanager
def prepare_site(
    version: Version,
    chosen: Sequence[Implementation],
    progress: Reporter,
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
            with scratch.make_folder() as place:
                git.check_out(str(version.commit), folder := place / "checkout")
                yield Site(Installation(python), checkout=folder)
        case "revision":
            with scratch.make_folder() as place:
                folder = git.unpack(str(version.commit), version.name, place)
                registry = read_registry(folder, version.name, progress)
                yield Site(Installation(implementations=folder), registry)
        case "interpreter":
            yield Site(Installation(require_executable(str(version.path))))
        case _:
            yield Site(Installation(python, path=path))


def read_registry(
    implementations: Path, name: str, progress: Reporter
) -> tuple[Implementation, ...]:
    """Return the registry of an unpacked revision, which a worker imports.

    Fields that an older registry lacks get the value of our entry of the same name if they are
    required, else their default. Unknown fields are ignored. Invalid entries are skipped and
    reported to ``progress``. Raises UserError if no entry is valid.
    """
    child = ChildSpec(Installation(implementations=implementations), timeout=_REGISTRY_TIMEOUT)
    names = [field.name for field in fields(Implementation)]
    outcome = launch({"mode": "registry", "fields": names}, child)
    if outcome.status != "ok":
        raise UserError(
            f"{name}: importing its registry failed ({outcome.reason}). Name a later revision"
        )
    ours = {entry.name: entry for entry in IMPLEMENTATIONS}
    registry = []
    for number, values in enumerate(outcome.document["registry"], 1):
        entry = ours.get(str(values.get("name")))
        inherited = {"framework": entry.framework, "extra": entry.extra} if entry else {}
        try:
            registry.append(msgspec.convert({**inherited, **values}, Implementation))
        except msgspec.ValidationError as error:
            entry = values.get("name", number)
            progress(f"{name}: skipped registry entry {entry}, which is invalid ({error})")
    if not registry:
        raise UserError(f"{name}: its registry has no valid entry. Name a later revision")
    return tuple(registry)


def find_changes(baseline: Site, candidate: Site) -> list[str]:
    """Return the implementations that one site lacks, or whose code or registry entry differs.

    Module names are not compared, because files may have moved.
    """
    before, after = (
        {
            entry.name: (replace(entry, module=""), _read_sources(site, entry))
            for entry in site.registry
        }
        for site in (baseline, candidate)
    )
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


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
