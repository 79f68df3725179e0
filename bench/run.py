"""The parent's loop: every trial of a plan in a child of its own, judged and kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import lock, plan, probe, summary
from bench.dataset import Dataset
from bench.measure import now
from bench.result import Record, Run, Trial
from bench.runner import Runner
from bench.store import mend, salvaged


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another run has the host; this one waits for it."""


@dataclass(frozen=True, slots=True)
class Importing:
    """The frameworks are imported once, unrecorded, so that the first trial reads no cold disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Started:
    """Trial ``number`` of ``total`` begins; ``left`` are all that are still to be made, with it."""

    trial: Trial
    number: int
    total: int
    left: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial ended and its record is on disk."""

    record: Record
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The budget would not last for the next trial; so many are left."""

    left: int


Event = Waiting | Importing | Started | Ended | Spent


def perform(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    """Measure all trials of the run that have no record yet; an event before and after each.

    The rounds that a precision takes are known only when the first stage is measured, so that
    what is missing is asked for again when all of it has been made.
    """
    with lock.opened() as host:
        if not host.take():
            yield Waiting()
            host.wait()
        # What is done is read only now: the run that had the host may have been this very one.
        mend(folder)
        begun, records = now(), list(salvaged(folder).records)
        yield from _imports(missing(run, records))
        runner = Runner(folder, run, data, peers=(*run.cases, *run.sweep))
        while left := missing(run, records):
            total = len(plan.trials(run, summary.wanted(records, run)))
            for place, trial in enumerate(plan.before_the_sweep(run, left)):
                if run.budget is not None and now() - begun + _last(trial, records) > run.budget:
                    yield Spent(len(left) - place)
                    return
                number = total - len(left) + place + 1
                yield Started(trial, number, total, tuple(left[place:]))
                records.append(runner.measure(trial))
                yield Ended(records[-1], number, total)


def missing(run: Run, records: Iterable[Record]) -> list[Trial]:
    """Return the trials that have no record, as far as they are known, in their order."""
    kept = [record for record in records if record.status != "interrupted"]
    done = {record.trial for record in kept}
    planned = plan.trials(run, summary.wanted(kept, run))
    return [trial for trial in planned if trial.id not in done]


def _last(trial: Trial, records: Iterable[Record]) -> float:
    """Seconds that the longest trial of the same case has taken, nought where there was none."""
    same = (record for record in records if record.case == trial.case)
    return max((record.wall_seconds or 0.0 for record in same), default=0.0)


def _imports(trials: list[Trial]) -> Iterator[Event]:
    seen: set[str] = set()
    for case in (trial.case for trial in trials):
        used = set(plan.distributions(case) or [case.module])
        if not used <= seen:
            seen |= used
            yield Importing(case.implementation)
            probe.framework(case)
