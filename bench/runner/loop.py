"""Measure the missing trials of a run one after the other, and estimate how long they take."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

import msgspec

from bench.analysis.stopping import find_settled
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.planning.cases import get_size, list_distributions
from bench.planning.plan import Part, Schedule
from bench.planning.threads import choose_threads
from bench.records import store
from bench.records.schema import Case, Record, Run, Trial
from bench.runner.events import Event, Transient, TrialEnded, TrialStarted
from bench.runner.host import gpu
from bench.runner.process import preflight, scratch
from bench.runner.runner import Runner, find_file_fault
from bench.worker.measure import now

# An estimate is from this many runs: older ones say little about today's software.
EARLIER_RUNS = 5
# The driver may compile for half an hour: https://github.com/tensorflow/tensorflow/issues/62320.
COMPILE_SECONDS = 3600.0


# ----- measure


def measure_run(folder: Path, run: Run, data: Dataset) -> Generator[Event]:
    """Measure all missing trials of a run; yield an event before and after each, and lines.

    The caller holds the host's lock. Raises UserError, also if another process has the run's
    folder.
    """
    with ExitStack() as stack:
        stack.enter_context(store.lock_folder(folder))
        store.repair_run(folder)
        begin = now()
        schedule = Schedule(run, store.read_contents(folder).records, find_settled)
        records = schedule.records
        good = (record for record in records if (record.kind, record.status) == ("trial", "ok"))
        measured = {record.case.slug for record in good}
        compiling = now()
        yield from compile_kernels(run, data, schedule.remaining)
        begin += now() - compiling  # half an hour, once on a machine, is not the budget's
        # A roofline probe reads as many images as the cases do.
        peers = (*choose_threads(run, records).cases, *run.sweep, *run.variants)
        runner = stack.enter_context(
            Runner(folder, run, data, peers=peers, warm_from=run.warm_from)
        )
        imported, goes_on = set[str](), False
        # Each record may decide which trials follow.
        while remaining := schedule.remaining:
            # Where a run goes on, a row that was measured before shows the state of the machine.
            anchors = (anchor for anchor in remaining if anchor.case.slug in measured)
            trial, budget = next(anchors, remaining[0]), None
            measured.clear()
            if run.budget is not None:
                budget = run.budget - (now() - begin)
                # One trial is always measured, so that a run that is resumed comes to its end.
                whole = goes_on and Part.FIRST not in schedule.missing
                if whole and _find_longest(records, trial) > budget:
                    yield "the budget is used up"
                    return
            group = _get_group(trial)
            like = [record for record in records if _get_group(record) == group]
            done = sum(record.status != "interrupted" for record in like)
            total = done + sum(_get_group(other) == group for other in remaining)
            yield from import_framework(trial.case, imported)
            yield TrialStarted(trial, done + 1, total, remaining, budget)
            schedule.add(runner.measure(trial))
            yield TrialEnded(records[-1], done + 1, total)
            goes_on = True


def _find_longest(records: Iterable[Record], trial: Trial) -> float:
    """Return the longest time of a process like that of a trial, as far as it is known."""
    key = trial.kind, trial.case.slug
    like = [record for record in records if (record.kind, record.case.slug) == key]
    like = [record for record in like if record.case.epochs == trial.case.epochs] or like
    return max((record.wall_seconds or 0.0 for record in like), default=0.0)


def _get_group(trial: Trial | Record) -> tuple[object, ...]:
    """Return what the trials have in common that progress counts together."""
    case = trial.case
    return trial.kind, trial.round, case.workload, case.device, case.threads


def import_framework(case: Case, imported: set[str]) -> Iterator[Transient]:
    """Import what a case needs, so that its process reads no cold disk; yield a line before.

    imported: the distributions that were imported before, to which it adds.
    """
    distributions = set(list_distributions(case) or [case.module])
    if find_file_fault(case) is None and not distributions <= imported:
        imported |= distributions
        yield Transient(f"importing {case.implementation} once, unmeasured")
        preflight.import_implementation(case)


def compile_kernels(run: Run, data: Dataset, trials: Iterable[Trial]) -> Iterator[Transient]:
    """Train each implementation of trials on a GPU once; yield a line before each.

    What the driver compiles stays in the shared PTX cache; records are thrown away. Does nothing
    where there is no NVIDIA GPU. A user's own file, which may hang, gets the run's own limit.
    """
    cases = {
        (trial.case.implementation, trial.case.interpreter): trial.case
        for trial in trials
        if trial.kind == "trial" and trial.case.device == "gpu"
    }
    if not cases or not gpu.find_gpus():
        return
    for case in cases.values():
        yield Transient(f"training {case.implementation} on the GPU once, unmeasured")
        seconds = run.timeout if case.file else max(run.timeout, COMPILE_SECONDS)
        patient = msgspec.structs.replace(run, timeout=seconds)
        with scratch.make_folder() as parent:
            folder = parent / "run"
            store.create_run(folder, patient)
            Runner(folder, patient, data).measure(Trial(f"r0-{case.slug}", "trial", 0, case))


# ----- estimate


class Estimate:
    """Estimate how long trials take: the mean of their like, else of their group, else of all.

    A group is an implementation, a workload and a device. Trials of the same kind count before all
    others.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._seconds: dict[tuple[object, ...], list[float]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take in the record of a trial."""
        if record.wall_seconds is not None:
            for key in _list_keys(record):
                self._seconds[key].append(record.wall_seconds)

    def sum_seconds(self, trials: Iterable[Trial], budget: float | None = None) -> float | None:
        """Return the seconds that some trials take together, or None without any record.

        budget: the most that they may take, or None.
        """
        if not self._seconds:
            return None
        means = {key: fmean(seconds) for key, seconds in self._seconds.items()}
        total = sum(
            next(means[key] for key in _list_keys(trial) if key in means) for trial in trials
        )
        return total if budget is None else min(total, budget)


def _list_keys(trial: Trial | Record) -> list[tuple[object, ...]]:
    """Return the names of what a time is estimated from, the narrowest first."""
    case = trial.case
    group = case.workload, case.implementation, case.device
    size = *group, *get_size(case)
    keys: list[tuple[object, ...]] = [(*size, case.epochs), size, group]
    return [*((trial.kind, *key) for key in keys), *keys, ()]


def read_earlier_records(results: Path) -> list[Record]:
    """Return the records of the last runs in a results folder, or else of the published ones.

    A damaged run is left out: an estimate is no reason to fail.
    """
    for pattern in ("*/trials.jsonl", "reference/*/trials.jsonl"):
        paths = sorted(results.glob(pattern), key=lambda path: path.stat().st_mtime)
        records: list[Record] = []
        for path in paths[-EARLIER_RUNS:]:
            try:
                records += store.read_contents(path.parent).records
            except UserError:
                continue
        if records:
            return records
    return []
