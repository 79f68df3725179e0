"""A run's folder as a part of what is merged: read whole, and written again in today's format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import collection, lines, store, trials
from bench.error import UserError
from bench.lines import Line
from bench.result import FORMAT, Environment, Record, Run
from bench.strict import DamagedError


@dataclass(frozen=True, slots=True)
class Part:
    """A run's folder, its plan and environments in today's format.

    environments: by their ids.
    """

    folder: Path
    run: Run
    environments: Mapping[str, Environment]

    def records(self) -> Iterator[tuple[Line, Record]]:
        """Yield each line with its record as it is there; raises UserError for a damaged one."""
        for line, found in trials.read(self.folder, self.environments):
            if isinstance(found, str):
                raise UserError(
                    f"{self.folder / trials.FILE}:{line.number}: {found}; "
                    "delete it, or have run --resume measure it again"
                )
            yield line, found

    def record(self, found: Record) -> Record:
        """Return one of its records as it is written."""
        return msgspec.structs.replace(found, format=FORMAT)

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


def read(folders: Sequence[Path]) -> list[Part]:
    """Read the plans and environments of folders, each a run or a folder of runs.

    Raises UserError.
    """
    return [_part(each) for folder in folders for each in _runs(folder)]


def _part(folder: Path) -> Part:
    _refuse_links(folder)
    run = msgspec.structs.replace(store.read_run(folder), format=FORMAT)
    return Part(folder, run, store.read_environments(folder))


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
