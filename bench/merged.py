"""All that several folders hold of one run: by the trials' ids, never by what was measured.

Nothing is chosen: the same record twice is one, and of two that differ neither is taken.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import arrays, lines, moment, regular, trials
from bench.error import UserError
from bench.lines import Line
from bench.part import Part
from bench.result import Environment, Record, Run

LEAVE = "leave one of the runs out"


class Place(NamedTuple):
    """Where a record lies, in bytes of its file; places are in order as their records began.

    digest: of its line as it is written.
    """

    began: datetime
    trial: str
    digest: bytes
    number: int
    start: int
    end: int
    part: Part

    def __str__(self) -> str:
        return f"{self.part.folder / trials.FILE}:{self.number}"


@dataclass(slots=True)
class Merged:
    """A run as its parts hold it: records by the digests of their lines, so that each is one.

    repeated: how many records were there again. kept: the params' file of each trial that has one.
    unclaimed: files of params that no finished record is of. size: bytes of all lines.
    """

    run: Run
    parts: list[Part] = field(default_factory=list)
    environments: dict[str, Environment] = field(default_factory=dict)
    records: dict[bytes, Place] = field(default_factory=dict)
    kept: dict[str, Path] = field(default_factory=dict)
    unclaimed: list[Path] = field(default_factory=list)
    repeated: int = 0
    size: int = 0
    _finished: dict[str, Place] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Add a part; raises UserError where it says otherwise than those before."""
        self._agree(part)
        self.parts.append(part)
        claimed = {}
        for line, found in part.records():
            record = part.record(found)
            self._add(part, line, record)
            if record.status != "interrupted":
                claimed[f"{found.trial}.npy"] = record.trial
        for path in part.params():
            if path.name in claimed:
                self._keep(claimed[path.name], path)
            else:
                self.unclaimed.append(path)

    def _agree(self, part: Part) -> None:
        """Hold a plan and environments against those that are known."""
        if self.parts and msgspec.json.encode(part.run) != msgspec.json.encode(self.run):
            before = self.parts[0].folder / "run.json"
            raise _differ(before, part.folder / "run.json", f"run {self.run.run}")
        for name, environment in part.environments.items():
            known = self.environments.get(name, environment)
            if known != environment:
                file = Path("environments", f"{name}.json")
                before = next(each.folder for each in self.parts if name in each.environments)
                raise _differ(before / file, part.folder / file, f"environment {name}")
            # Equal facts may have come in another order, which a report shows.
            self.environments[name] = min(known, environment, key=msgspec.json.encode)

    def _add(self, part: Part, line: Line, record: Record) -> None:
        """Add a record, unless the very same is there."""
        data = lines.encoded(record)
        own, began = digest(data), moment.read(record.started)
        place = Place(began, record.trial, own, line.number, line.start, line.end, part)
        if own in self.records:
            self.repeated += 1
            return
        if record.status != "interrupted":
            before = self._finished.setdefault(record.trial, place)
            if before is not place:
                raise _differ(before, place, f"trial {record.trial}")
        self.records[own] = place
        self.size += len(data)

    def _keep(self, trial: str, path: Path) -> None:
        before = self.kept.setdefault(trial, path)
        if before is not path and params(before) != params(path):
            raise _differ(before, path, f"trial {trial}")


def digest(line: bytes) -> bytes:
    """Return what a line is known by."""
    return hashlib.blake2b(line, digest_size=16).digest()


def params(path: Path) -> bytes:
    """Return a file of params; raises UserError where it is none, or leads elsewhere."""
    try:
        return regular.read(path, arrays.MOST, follow=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; {LEAVE}") from error


def _differ(before: object, other: object, what: str) -> UserError:
    return UserError(f"{before} and {other} are both of {what}, and differ; {LEAVE}")
