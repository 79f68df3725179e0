"""How long a plan will take, from what earlier trials took: never a guess typed in by hand."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from bench.error import UserError
from bench.result import Case, Record, Trial
from bench.store import read_records

# Older runs say little about today's software.
RUNS = 5


class Estimate:
    """Seconds a trial takes: the mean of its own kind, else of all trials, else unknown."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Learn from one more trial."""
        if record.wall_seconds is not None:
            self._seconds[_kind(record.case)].append(record.wall_seconds)

    def seconds(self, trials: Iterable[Trial]) -> float | None:
        """Return the time of some trials together, or None where nothing is known."""
        if not self._seconds:
            return None
        overall = fmean(fmean(known) for known in self._seconds.values())
        return sum(fmean(self._seconds.get(_kind(trial.case)) or [overall]) for trial in trials)


def _kind(case: Case) -> tuple[str, ...]:
    return case.workload, case.implementation, case.device


def earlier(results: Path) -> list[Record]:
    """Return the records of the last runs in a results folder, or else of the published ones."""
    for pattern in ("*/trials.jsonl", "reference/*/trials.jsonl"):
        found = sorted(results.glob(pattern), key=lambda path: path.stat().st_mtime)[-RUNS:]
        if records := [record for path in found for record in _readable(path.parent)]:
            return records
    return []


def _readable(folder: Path) -> list[Record]:
    """Read what can be read: an estimate is no reason to stop at somebody's damaged run."""
    try:
        return read_records(folder)
    except UserError:
        return []
