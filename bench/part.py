"""A run's folder as a part of what is merged: read whole, and told as it is written again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import msgspec

from bench import anonymous, collection, lines, store, trials
from bench.anonymous import Anonymous
from bench.error import UserError
from bench.lines import Line
from bench.result import FORMAT, Environment, Record, Run
from bench.strict import DamagedError


@dataclass(frozen=True, slots=True)
class Part:
    """A run's folder, its plan and environments in today's format.

    known: its environments as they are there; told: as they are written, both by the ids there.
    without: what leaves hosts, users and paths out, if they are.
    """

    folder: Path
    run: Run
    known: Mapping[str, Environment]
    told: Mapping[str, Environment]
    without: Anonymous | None = None

    def records(self) -> Iterator[tuple[Line, Record]]:
        """Yield each line with its record as it is there; raises UserError for a damaged one."""
        for line, found in trials.read(self.folder, self.known):
            if isinstance(found, str):
                raise UserError(
                    f"{self.folder / trials.FILE}:{line.number}: {found}; "
                    "delete it, or have run --resume measure it again"
                )
            yield line, found

    def record(self, found: Record) -> Record:
        """Return one of its records as it is written."""
        own = msgspec.structs.replace(found, format=FORMAT)
        if self.without is None:
            return own
        return self.without.record(own, self.told[found.environment].id)

    def line(self, found: Line) -> bytes:
        """Return one of its lines as it is written; raises UserError where it has changed."""
        where = f"{self.folder / trials.FILE}:{found.number}"
        try:
            return lines.encoded(self.record(lines.decoded(found, where)))
        except (DamagedError, LookupError):
            raise UserError(f"{where}: it was changed meanwhile; merge again") from None

    def params(self) -> list[Path]:
        """Return its files of params."""
        place = self.folder / "params"
        return sorted(place.glob("*.npy")) if place.exists() else []


def read(folders: Sequence[Path], *, strip: bool = False) -> list[Part]:
    """Read the plans and environments of folders, each a run or a folder of runs.

    strip: without hosts, users and paths, for which all records are read, too. Raises UserError.
    """
    found = [_part(each) for folder in folders for each in _runs(folder)]
    return _stripped(found) if strip else found


def _part(folder: Path) -> Part:
    _refuse_links(folder)
    run = msgspec.structs.replace(store.read_run(folder), format=FORMAT)
    known = store.read_environments(folder)
    return Part(folder, run, known, known)


def _runs(folder: Path) -> list[Path]:
    """Return the runs of a folder; raises UserError where there is none."""
    if found := collection.runs(folder):
        return found
    for name in trials.PLANS[1:]:
        if (folder / name).exists():
            raise UserError(f"{folder} is a {Path(name).stem}, and only runs are merged")
    raise UserError(f"{folder} holds no run: there is no run.json, nor a folder with one")


def _refuse_links(folder: Path) -> None:
    """Raise UserError where a run's file may lie elsewhere."""
    own = [folder / name for name in ("run.json", trials.FILE, "environments", "params")]
    for path in (*own, *(folder / "environments").glob("*.json")):
        if path.is_symlink():
            raise UserError(f"{path} is a link, which may lead elsewhere; copy the folder")


def _stripped(found: Sequence[Part]) -> list[Part]:
    """Leave out of every part whom any of them names: one run may lie in several."""
    hosts = {name for part in found for each in part.known.values()
             for name in anonymous.hosts(each)}  # fmt: skip
    without = Anonymous(hosts, {name for part in found for name in _users(part)})
    return [
        replace(part, run=without.run(part.run), told=_told(part, without), without=without)
        for part in found
    ]


def _told(part: Part, without: Anonymous) -> dict[str, Environment]:
    try:
        return {name: without.environment(each) for name, each in part.known.items()}
    except RecursionError:
        place = part.folder / "environments"
        raise UserError(f"{place}: one is nested too deep; leave the run out") from None


def _users(part: Part) -> set[str]:
    told = chain([part.run], part.known.values(), (record for _, record in part.records()))
    return {name for each in told for name in anonymous.users(each)}
