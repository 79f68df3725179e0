"""The parent's loop: every trial of a plan in a child of its own, judged and kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from bench import lock, plan, probe, summary
from bench.dataset import Dataset
from bench.measure import now
from bench.result import Record, Run, Trial
from bench.runner import Runner
from bench.station import file_fault
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
        with lock.of_folder(folder):
            yield from _trials(folder, run, data)


def _trials(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    # What is done is read only now: the run that had the host may have been this very one.
    mend(folder)
    begun, records = now(), [_kept(record) for record in salvaged(folder).records]
    longest: dict[str, float] = {}
    for record in records:
        _learn(longest, record)
    yield from _imports(missing(run, records))
    runner = Runner(
        folder, run, data, peers=(*run.cases, *run.sweep), memory_limit=run.memory_limit
    )
    while left := missing(run, records):
        total = len(plan.trials(run, summary.wanted(records, run)))
        for place, trial in enumerate(plan.before_the_sweep(run, left)):
            last = longest.get(trial.case.slug, 0.0)
            if run.budget is not None and now() - begun + last > run.budget:
                yield Spent(len(left) - place)
                return
            number = total - len(left) + place + 1
            yield Started(trial, number, total, tuple(left[place:]))
            record = runner.measure(trial)
            records.append(_kept(record))
            _learn(longest, record)
            yield Ended(record, number, total)


def missing(run: Run, records: Iterable[Record]) -> list[Trial]:
    """Return the trials that have no record, as far as they are known, in their order."""
    kept = [record for record in records if record.status != "interrupted"]
    done = {record.trial for record in kept}
    planned = plan.trials(run, summary.wanted(kept, run))
    return [trial for trial in planned if trial.id not in done]


def _kept(record: Record) -> Record:
    """Keep of a record what the missing trials follow from: all of thousands fill the memory."""
    if record.kind != "trial" or not record.epoch_seconds:
        return record
    epochs = record.case.epochs
    return msgspec.structs.replace(
        record, epoch_seconds=[median(record.epoch_seconds)], epoch_cpu_seconds=[],
        predict_seconds=[], validation_loss=[], warmup_seconds=[],
        validation_accuracy=record.validation_accuracy[:epochs],
        test_accuracy=record.test_accuracy[:epochs],
    )  # fmt: skip


def _learn(longest: dict[str, float], record: Record) -> None:
    """Keep the longest seconds of each case; to look for them in all records takes ever longer."""
    slug = record.case.slug
    longest[slug] = max(longest.get(slug, 0.0), record.wall_seconds or 0.0)


def _imports(trials: list[Trial]) -> Iterator[Event]:
    seen: set[str] = set()
    for case in (trial.case for trial in trials if file_fault(trial.case) is None):
        used = set(plan.distributions(case) or [case.module])
        if not used <= seen:
            seen |= used
            yield Importing(case.implementation)
            probe.framework(case)
