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
class HostBusy:
    """Another run has the host; this one waits for it."""


@dataclass(frozen=True, slots=True)
class ImportStarted:
    """The frameworks are imported once, unrecorded, so that the first trial reads no cold disk."""

    name: str


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """Trial ``number`` of ``total`` begins; ``remaining``: it and those after it."""

    trial: Trial
    number: int
    total: int
    remaining: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended and its record is on disk."""

    record: Record
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The budget would not last for the next trial; so many are left."""

    remaining: int


Event = HostBusy | ImportStarted | TrialStarted | TrialEnded | BudgetSpent


def measure_run(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    """Measure all trials of the run that have no record yet; an event before and after each.

    The rounds that a precision takes are known only when the first stage is measured, so that
    what is missing is asked for again when all of it has been made.
    """
    with lock.open_host_lock() as host:
        if not host.take():
            yield HostBusy()
            host.wait()
        with store.lock(folder):
            yield from _trials(folder, run, data)


def _trials(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    # What is done is read only now: the run that had the host may have been this very one.
    mend(folder)
    progress = Progress(run, salvaged(folder).records)
    stage = progress.plan_stage()
    yield from _imports(progress.remaining_trials)
    runner = Runner(
        folder, run, data, peers=(*run.cases, *run.sweep), memory_limit=run.memory_limit
    )
    while stage:
        for trial in stage:
            if progress.exceeds_budget(trial):
                yield BudgetSpent(progress.remaining)
                return
            number, total = progress.total - progress.remaining + 1, progress.total
            yield TrialStarted(trial, number, total, progress.remaining_trials)
            record = runner.measure(trial)
            progress.add(record)
            yield TrialEnded(record, number, total)
        stage = progress.plan_stage()


def _imports(trials: Iterable[Trial]) -> Iterator[Event]:
    seen: set[str] = set()
    for case in (trial.case for trial in trials if file_fault(trial.case) is None):
        used = set(plan.list_distributions(case) or [case.module])
        if not used <= seen:
            seen |= used
            yield ImportStarted(case.implementation)
            preflight.import_implementation(case)
