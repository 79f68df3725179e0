"""Measure the missing trials of a run, one after the other, and report each as an event."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data.dataset import Dataset
from bench.records import store
from bench.records.schema import Record, Run, Trial
from bench.runner import lock
from bench.runner.cases import list_distributions
from bench.runner.process import preflight
from bench.runner.progress import Progress
from bench.runner.runner import Runner, find_file_fault


@dataclass(frozen=True, slots=True)
class HostBusy:
    """Another run measures on this host; this one waits for it."""


@dataclass(frozen=True, slots=True)
class ImportStarted:
    """An implementation is imported, unmeasured, so that its first trial reads no cold disk."""

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
    """The next trial would exceed the budget; ``remaining`` trials are not measured."""

    remaining: int


Event = HostBusy | ImportStarted | TrialStarted | TrialEnded | BudgetSpent


def measure_run(folder: Path, run: Run, data: Dataset) -> Iterator[Event]:
    """Measure all missing trials of a run; yield an event before and after each.

    Waits for the host's lock. Raises UserError, also where another process has the run's folder.
    """
    with lock.open_host_lock() as host:
        if not host.take():
            yield HostBusy()
            host.wait()
        with store.lock_folder(folder):
            # Read the records only now: the process that had the host may have measured this run.
            store.repair_run(folder)
            progress = Progress(run, store.read_contents(folder).records)
            yield from _measure_stages(folder, run, data, progress)


def _measure_stages(folder: Path, run: Run, data: Dataset, progress: Progress) -> Iterator[Event]:
    peers = (*run.cases, *run.sweep)
    stage = progress.plan_stage()
    yield from import_frameworks(progress.remaining_trials, set())
    runner = Runner(folder, run, data, peers=peers)
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


def import_frameworks(trials: Iterable[Trial], imported: set[str]) -> Iterator[ImportStarted]:
    """Import, unmeasured, what trials need; yield an event before each import.

    imported: distributions and modules of earlier calls; this one adds its own.
    """
    for case in (trial.case for trial in trials if find_file_fault(trial.case) is None):
        distributions = set(list_distributions(case) or [case.module])
        if not distributions <= imported:
            imported |= distributions
            yield ImportStarted(case.implementation)
            preflight.import_implementation(case)
