"""How long a plan will take, from what earlier trials took: never a guess typed in by hand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from bench.errors import UserError
from bench.records.schema import Case, Record, Trial
from bench.records.store import salvaged
from bench.runner.plan import case_size
from bench.runner.sizes import Size

# Older runs say little about today's software.
RUNS = 5

Kind = tuple[str, str, str]  # workload, implementation, device


class Estimate:
    """Seconds a trial takes: the mean of its own kind and size, else of its kind, else of all.

    A kind is an implementation, a workload and a device; a size batch size, threads and samples.
    Every size counts once in the mean of a kind, every kind once in the mean of all.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._seconds: dict[Kind, dict[Size, list[float]]] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Learn from one more trial."""
        if record.wall_seconds is not None:
            sizes = self._seconds.setdefault(_kind(record.case), {})
            sizes.setdefault(case_size(record.case), []).append(record.wall_seconds)

    def seconds(self, trials: Iterable[Trial]) -> float | None:
        """Return the time of some trials together, or None where nothing is known."""
        if not self._seconds:
            return None
        overall = fmean(_mean(sizes) for sizes in self._seconds.values())
        cases = [trial.case for trial in trials]
        # A case is one object in all rounds of a plan: asked for once, however many they are.
        counts, each = Counter(map(id, cases)), {id(case): case for case in cases}
        return sum(count * self._of(each[key], overall) for key, count in counts.items())

    def _of(self, case: Case, overall: float) -> float:
        sizes = self._seconds.get(_kind(case))
        if sizes is None:
            return overall
        same = sizes.get(case_size(case))
        return fmean(same) if same else _mean(sizes)


def _mean(sizes: Mapping[Size, Sequence[float]]) -> float:
    return fmean(map(fmean, sizes.values()))


def _kind(case: Case) -> Kind:
    return case.workload, case.implementation, case.device


def read_earlier_records(results: Path) -> list[Record]:
    """Return the records of the last runs in a results folder, or else of the published ones."""
    for pattern in ("*/trials.jsonl", "reference/*/trials.jsonl"):
        found = sorted(results.glob(pattern), key=lambda path: path.stat().st_mtime)[-RUNS:]
        if records := [record for path in found for record in _readable(path.parent)]:
            return records
    return []


def _readable(folder: Path) -> Sequence[Record]:
    """Read what can be read: an estimate is no reason to stop at somebody's damaged run."""
    try:
        return salvaged(folder).records
    except UserError:
        return []
