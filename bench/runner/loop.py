"""Measure the missing trials of a run one after the other, and estimate how long they take."""

from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import msgspec

from bench.analysis.stopping import find_settled
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.planning.cases import get_size
from bench.planning.pilot import list_candidates
from bench.planning.plan import FindSettled, find_missing_trials, is_needed
from bench.records import store
from bench.records.cases import list_distributions
from bench.records.schema import Record, Run, Trial
from bench.runner.host import gpu
from bench.runner.process import preflight, scratch
from bench.runner.runner import Runner, find_file_fault
from bench.worker.measure import now

# An estimate is from this many runs: older ones say little about today's software.
EARLIER_RUNS = 5
# The driver may compile for half an hour: https://github.com/tensorflow/tensorflow/issues/62320.
COMPILE_SECONDS = 3600.0
NARROW = "processes would only narrow the intervals"


# ----- measure


@dataclass(frozen=True, slots=True)
class WarmUpStarted:
    """What is done once, unmeasured, so that no first trial reads a cold disk or compiles."""

    what: str


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """Trial ``number`` of ``total`` begins; ``remaining``: it and those after it.

    total: of the plan, however many of them a stopping rule leaves out. budget: the seconds that
    are left of it, or None without one.
    """

    trial: Trial
    number: int
    total: int
    remaining: Sequence[Trial]
    budget: float | None = None


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial ended and its record is on disk."""

    record: Record
    number: int
    total: int


Event = WarmUpStarted | TrialStarted | TrialEnded | str


def measure_run(folder: Path, run: Run, data: Dataset) -> Generator[Event]:
    """Measure all missing trials of a run; yield an event before and after each, or a line.

    The caller holds the host's lock. Raises UserError, also if another process has the run's
    folder.
    """
    with ExitStack() as stack:
        stack.enter_context(store.lock_folder(folder))
        store.repair_run(folder)
        begin, records = now(), list(store.read_contents(folder).records)
        missing = find_missing_trials(run, records)
        total = sum(record.status != "interrupted" for record in records) + len(missing)
        find_known = _remember(find_settled)
        yield from import_frameworks(missing)
        compiling = now()
        yield from compile_kernels(run, data, missing)
        begin += now() - compiling  # half an hour, once on a machine, is not the budget's
        # A roofline probe reads as many images as the cases do.
        peers = [one for case in (*run.cases, *run.sweep) for one in list_candidates(case)]
        runner = stack.enter_context(
            Runner(folder, run, data, peers=peers, warm_from=run.warm_from)
        )
        # The end of a pilot, and of a round under a stopping rule, decides which trials follow.
        while remaining := find_missing_trials(run, records, find_known):
            trial, budget = remaining[0], None
            if run.budget is not None:
                budget = run.budget - (now() - begin)
                of_case = [record for record in records if record.case.slug == trial.case.slug]
                longest = max((record.wall_seconds or 0.0 for record in of_case), default=0.0)
                if longest > budget:
                    count = sum(is_needed(run, trial) for trial in remaining)
                    trials = "1 trial was" if count == 1 else f"{count} trials were"
                    left = f"{trials} not measured" if count else f"{len(remaining)} more {NARROW}"
                    yield f"the budget is used up: {left}. Go on with --resume"
                    return
            number = sum(record.status != "interrupted" for record in records) + 1
            yield TrialStarted(trial, number, total, remaining, budget)
            started = now()
            records.append(runner.measure(trial))
            if trial.kind == "trace":  # unmeasured: its time is not the budget's
                begin += now() - started
            yield TrialEnded(records[-1], number, total)


def _remember(find: FindSettled) -> FindSettled:
    """Return the function with its results: the records of earlier rounds only grow in number."""
    known: dict[int, Collection[str]] = {}

    def find_once(run: Run, records: Sequence[Record]) -> Collection[str]:
        if len(records) not in known:
            known[len(records)] = find(run, records)
        return known[len(records)]

    return find_once


def import_frameworks(trials: Iterable[Trial]) -> Iterator[WarmUpStarted]:
    """Import, unmeasured, what trials need; yield an event before each import."""
    imported: set[str] = set()
    for case in (trial.case for trial in trials if find_file_fault(trial.case) is None):
        distributions = set(list_distributions(case) or [case.module])
        if not distributions <= imported:
            imported |= distributions
            yield WarmUpStarted(f"importing {case.implementation}")
            preflight.import_implementation(case)


def compile_kernels(run: Run, data: Dataset, trials: Iterable[Trial]) -> Iterator[WarmUpStarted]:
    """Train each implementation of trials on a GPU once; yield an event before each.

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
        yield WarmUpStarted(f"training {case.implementation} on the GPU")
        seconds = run.timeout if case.file else max(run.timeout, COMPILE_SECONDS)
        patient = msgspec.structs.replace(run, timeout=seconds)
        with scratch.make_folder() as parent:
            folder = parent / "run"
            store.create_run(folder, patient)
            Runner(folder, patient, data).measure(Trial(f"r0-{case.slug}", "trial", 0, case))


# ----- estimate


class Estimate:
    """Estimate how long trials take: the mean of their case, else of their group, else of all.

    A group is an implementation, a workload and a device. Trials of the same kind count before all
    others: a trace has few steps.
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
    keys: list[tuple[object, ...]] = [(*group, *get_size(case)), group]
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
