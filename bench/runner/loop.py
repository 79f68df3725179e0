"""The parent's loop: every trial of a plan in a child of its own, judged and kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data.dataset import Dataset
from bench.records import store
from bench.records.schema import Record, Run, Trial
from bench.records.store import mend, salvaged
from bench.runner import lock, plan
from bench.runner.executor import file_fault
from bench.runner.process import preflight
from bench.runner.progress import Progress
from bench.runner.recorder import Runner


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
        with store.lock(folder):
            yield from _trials(folder, run, data)


def _trials(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    # What is done is read only now: the run that had the host may have been this very one.
    mend(folder)
    progress = Progress(run, salvaged(folder).records)
    stage = progress.stage()
    yield from _imports(progress.rest)
    runner = Runner(
        folder, run, data, peers=(*run.cases, *run.sweep), memory_limit=run.memory_limit
    )
    while stage:
        for trial in stage:
            if progress.spent(trial):
                yield Spent(progress.left)
                return
            number, total = progress.total - progress.left + 1, progress.total
            yield Started(trial, number, total, progress.rest)
            record = runner.measure(trial)
            progress.add(record)
            yield Ended(record, number, total)
        stage = progress.stage()


def _imports(trials: Iterable[Trial]) -> Iterator[Event]:
    seen: set[str] = set()
    for case in (trial.case for trial in trials if file_fault(trial.case) is None):
        used = set(plan.distributions(case) or [case.module])
        if not used <= seen:
            seen |= used
            yield Importing(case.implementation)
            preflight.import_implementation(case)
