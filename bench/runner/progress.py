"""Follow a run from its records: the missing trials, their order, and how long they will take."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from bench.errors import UserError
from bench.records.schema import Case, Record, Run, Trial
from bench.records.store import read_contents
from bench.runner.cases import Size, get_size
from bench.runner.plan import find_missing_trials, plan_trials
from bench.worker.measure import now

# An estimate is from this many runs: older ones say little about today's software.
EARLIER_RUNS = 5

CaseGroup = tuple[str, str, str]  # workload, implementation, device


class Progress:
    """Follow a run from its records.

    total: trials of the plan. remaining: those of them that are missing.
    """

    def __init__(self, run: Run, records: Iterable[Record]) -> None:
        self._run = run
        self._begin = now()
        self._records: list[Record] = []
        self._longest: dict[str, float] = {}
        self._missing: list[Trial] = []
        self.total = self.remaining = 0
        for record in records:
            self.add(record)

    def plan_stage(self) -> list[Trial]:
        """Return the missing trials in their order."""
        self._missing = find_missing_trials(self._run, self._records)
        self.total = len(plan_trials(self._run))
        self.remaining = len(self._missing)
        return self._missing

    @property
    def remaining_trials(self) -> tuple[Trial, ...]:
        """Return the missing trials, as many as ``remaining``, in their order."""
        return tuple(self._missing[len(self._missing) - self.remaining :])

    def add(self, record: Record) -> None:
        """Take in the record of a trial that ended."""
        self._records.append(record)
        slug = record.case.slug
        self._longest[slug] = max(self._longest.get(slug, 0.0), record.wall_seconds or 0.0)
        self.remaining -= record.status != "interrupted"

    def exceeds_budget(self, trial: Trial) -> bool:
        """Return whether one more trial of this case would exceed the run's budget."""
        longest = self._longest.get(trial.case.slug, 0.0)
        return self._run.budget is not None and now() - self._begin + longest > self._run.budget


class Estimate:
    """Estimate how long trials take: the mean of their case, else of their group, else of all.

    A group is an implementation, a workload and a device; a case has a size as well. Every size has
    the same weight in the mean of a group, and every group in the mean of all.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._seconds: dict[CaseGroup, dict[Size, list[float]]] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take in the record of a trial."""
        if record.wall_seconds is not None:
            sizes = self._seconds.setdefault(_group(record.case), {})
            sizes.setdefault(get_size(record.case), []).append(record.wall_seconds)

    def seconds(self, trials: Iterable[Trial]) -> float | None:
        """Return the seconds that some trials take together, or None without any record."""
        if not self._seconds:
            return None
        overall = fmean(map(_mean, self._seconds.values()))
        cases = [trial.case for trial in trials]
        # All rounds of a plan share one Case object, which is slow to hash: count by identity.
        counts, by_id = Counter(map(id, cases)), {id(case): case for case in cases}
        return sum(count * self._seconds_of(by_id[key], overall) for key, count in counts.items())

    def _seconds_of(self, case: Case, overall: float) -> float:
        sizes = self._seconds.get(_group(case))
        if sizes is None:
            return overall
        same = sizes.get(get_size(case))
        return fmean(same) if same else _mean(sizes)


def _mean(sizes: Mapping[Size, Sequence[float]]) -> float:
    return fmean(map(fmean, sizes.values()))


def _group(case: Case) -> CaseGroup:
    return case.workload, case.implementation, case.device


def read_earlier_records(results: Path) -> list[Record]:
    """Return the records of the last runs in a results folder, or else of the published ones.

    A damaged run is left out: an estimate is no reason to fail.
    """
    for pattern in ("*/trials.jsonl", "reference/*/trials.jsonl"):
        paths = sorted(results.glob(pattern), key=lambda path: path.stat().st_mtime)
        records: list[Record] = []
        for path in paths[-EARLIER_RUNS:]:
            try:
                records += read_contents(path.parent).records
            except UserError:
                continue
        if records:
            return records
    return []
