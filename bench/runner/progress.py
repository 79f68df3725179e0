"""What of a run is done, and what that says of the rest: which trials follow, and how long yet."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from bench.records.schema import MOST_ROUNDS, Record, Run, Trial
from bench.runner import plan
from bench.worker.measure import now


class Progress:
    """Follow a run from its records.

    total: trials, as far as they are known. remaining: those that are still to be made.
    """

    def __init__(self, run: Run, records: Iterable[Record]) -> None:
        self._run = run
        self._begun = now()
        self._records: list[Record] = []
        # To look for the longest in all records would take ever longer.
        self._longest: dict[str, float] = {}
        self._missing: list[Trial] = []
        self.total = self.remaining = 0
        for record in records:
            self.add(record)

    def plan_stage(self) -> list[Trial]:
        """Return the trials that are to be made next, in their order; none when all are made.

        The rounds that a precision takes are known only when the first stage is measured, so that
        this is asked again when all of it has been made; a sweep comes when nothing else is left.
        """
        self._missing = missing_trials(self._run, self._records)
        self.total = len(plan.plan_trials(self._run, plan_rounds(self._run, self._records)))
        self.remaining = len(self._missing)
        return plan.postpone_sweep(self._run, self._missing)

    @property
    def remaining_trials(self) -> tuple[Trial, ...]:
        """As many of the last trials as are still to be made."""
        return tuple(self._missing[len(self._missing) - self.remaining :])

    def add(self, record: Record) -> None:
        """Learn that a trial has ended."""
        self._records.append(record)
        slug = record.case.slug
        self._longest[slug] = max(self._longest.get(slug, 0.0), record.wall_seconds or 0.0)
        self.remaining -= record.status != "interrupted"

    def exceeds_budget(self, trial: Trial) -> bool:
        """Tell whether the budget would not last for one more trial of this case."""
        last = self._longest.get(trial.case.slug, 0.0)
        return self._run.budget is not None and now() - self._begun + last > self._run.budget


def missing_trials(run: Run, records: Iterable[Record]) -> list[Trial]:
    """Return the trials that have no record, as far as they are known, in their order."""
    kept = [record for record in records if record.status != "interrupted"]
    done = {record.trial for record in kept}
    planned = plan.plan_trials(run, plan_rounds(run, kept))
    return [trial for trial in planned if trial.id not in done]


def plan_rounds(run: Run, records: Iterable[Record]) -> dict[str, int]:
    """Return the number of rounds that the run's precision takes, by the slug of each case.

    Only cases whose whole first stage succeeded have one; without a precision no case has.
    """
    if run.precision is None:
        return {}
    medians: dict[str, dict[int, float]] = defaultdict(dict)
    failed = set()
    for record in records:
        if record.kind == "trial" and record.status == "ok":
            medians[record.case.slug][record.round] = median(record.epoch_seconds)
        elif record.kind == "trial" and record.status == "failed":
            failed.add(record.case.slug)
    rounds = {}
    for case in run.cases:
        by_round = medians[case.slug]
        stage = range(1, run.rounds[case.workload] + 1)
        if len(stage) > 1 and case.slug not in failed and all(n in by_round for n in stage):
            needed = plan.required_rounds([by_round[n] for n in stage], run.precision)
            rounds[case.slug] = min(needed, MOST_ROUNDS)
    return rounds
