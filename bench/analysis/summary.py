"""Summarize the records of each case in one row; nothing here is stored.

The process is the unit: a trial gives one median epoch, and the trials give the typical process of
the program on this machine in this run, which is their median, with its interval (intervals.py).
Epochs of one process are never pooled: they are not independent, and treating them as such makes
intervals far too narrow.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from statistics import fmean, median

from bench.analysis.intervals import (
    TWO_GROUPS,
    Interval,
    TableNoise,
    Traits,
    estimate_typical,
    share_noise,
)
from bench.analysis.noise import MAX_OTHERS, MAX_STEAL, UNKNOWN, compute_share
from bench.analysis.roofline import find_rooflines
from bench.analysis.speed import Adjustment, adjust_epochs
from bench.planning.cases import list_distributions
from bench.records.schema import TOLERANCE, Case, CaseRecord, Environment, Record, Run, TrialRecord

START_PARTS = ("import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds")

# An epoch waits if no core computes for the program during more than MAX_IDLE of it, which is more
# than clocks take on a quiet machine. A row does if more than MAX_WAITING of its epochs wait.
MAX_IDLE = MAX_WAITING = 0.1

# Programs whose processes are in one of two states, on every machine of the published runs.
STATES = {"numba"}


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds of the timed epochs of a row that waits in some: of those, and of the others."""

    waiting: Sequence[float]
    others: Sequence[float]

    @property
    def epochs(self) -> Sequence[float]:
        """All of them."""
        return *self.waiting, *self.others

    @property
    def share(self) -> float:
        """The share of the epochs that wait."""
        return len(self.waiting) / len(self.epochs)


@dataclass(frozen=True, slots=True)
class Start:
    """What the starts of a row took, in seconds."""

    # Import, set-up, reset and first epoch of each successful trial that recorded all of them and
    # found no compile caches.
    by_round: Mapping[int, float]
    warm_by_round: Mapping[int, float]  # the same of those that found the caches of another process
    imports: float | None  # median over the first, as the three that follow
    setup: float | None
    reset: float | None
    first_epoch: float | None
    warm_ups: Sequence[float]  # the first timed epoch over the median one of its process
    noise: TableNoise | None = None  # see ``Row``
    warm: Interval | None = None  # the typical one of warm_by_round
    warm_up: Interval | None = None  # the typical one of warm_ups


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds of the median prediction of each successful trial, of the test images and of one."""

    by_round: Mapping[int, float]
    single_by_round: Mapping[int, float]
    images: int | None  # number of test images
    typical: Interval | None = None  # the typical one of by_round
    single: Interval | None = None  # the typical one of single_by_round

    @property
    def per_second(self) -> float | None:
        """Test images predicted in a second, host to host."""
        if self.typical is None or self.images is None:
            return None
        return self.images / self.typical.mean


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, means over trials."""

    # Resident, the peak at the end of each phase. It only rises: a phase adds the difference to the
    # one before. In the order recorded: older processes read the data after the import.
    by_phase: Mapping[str, float]
    peak_bytes: float | None  # of the process
    device_bytes: float | None  # what it reserved on the GPU
    framework_bytes: float | None  # in use on the GPU, by the framework's own count

    @property
    def imported_bytes(self) -> float:
        """The peak at the end of the import, less what the data took if they were read before."""
        before = [*self.by_phase][: [*self.by_phase].index("import")]
        data = self.by_phase["data"] - self.by_phase["start"] if "data" in before else 0.0
        return self.by_phase["import"] - data


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of the images that are labelled right.

    validation, test: after the workload's own epochs, means over trials of the rounds in which all
    comparable rows trained as many: they share their orders. curves: on the validation images after
    each epoch, with each seed of orders and initial weights.
    """

    validation: float | None
    test: float | None
    curves: tuple[Sequence[float], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One case in a table, from all of its trials; None for what no trial recorded."""

    case: Case
    # Batch size, threads and samples. Of threads 0, where each program has one number of them: rows
    # are comparable whatever their threads.
    size: tuple[int, int, int]
    swept: bool  # measured at another size than the first of its workload
    version: str  # of the framework
    rounds: int  # number of rounds with a trial, successful or not
    # Seconds of the median epoch of each successful trial: at the run's mean speed where the
    # reference kernel makes processes agree (speed.py), and else as measured.
    epochs_by_round: Mapping[int, float]
    # Of a row that waits in more than MAX_WAITING of its epochs; None of any other.
    waits: Waits | None
    start: Start
    prediction: Prediction
    memory: Memory
    accuracy: Accuracy
    epoch_joules: float | None  # energy of the GPU in an epoch
    parity_error: float | None  # the largest of all trials
    faults: tuple[tuple[str, str], ...]  # status and reason of every unsuccessful trial
    epoch: Interval | None = None  # seconds
    # Of its epochs, by all rows of its table (intervals.py); None if unknown.
    noise: TableNoise | None = None
    # Of an epoch's two dense products by the probes. A program that skips zeros may be faster.
    roofline_seconds: float | None = None
    machine: str = ""  # distinguishes rows of several runs, which are not comparable; else empty
    # Other planned rows of its workload were not tried yet (``count_tried``), so it is not ranked
    # among them.
    provisional: bool = False

    @property
    def ranked(self) -> bool:
        """Return whether the row may be compared.

        It has times, and all of its trials succeeded: a program that once computes something else,
        takes too long, wants too much memory or says that it is not available has failed, or it
        could choose which of its processes count.
        """
        return self.epoch is not None and not self.faults

    @property
    def succeeded(self) -> int:
        """Number of trials that succeeded."""
        return len(self.epochs_by_round)

    @property
    def accuracy_by_seed(self) -> list[float]:
        """Validation accuracy after the workload's own epochs, with each seed."""
        return [curve[self.case.epochs - 1] for curve in self.accuracy.curves]

    @property
    def reasons(self) -> list[str]:
        """How trials failed, each reason once."""
        return sorted({f"{status}: {reason}" for status, reason in self.faults})

    @property
    def typical_seconds(self) -> float:
        """Seconds of the typical epoch; infinity without one."""
        return self.epoch.mean if self.epoch else math.inf

    @property
    def in_two_groups(self) -> bool:
        """Return whether some processes take far longer than the typical one."""
        return max(self.epochs_by_round.values(), default=0.0) > TWO_GROUPS * self.typical_seconds

    @property
    def traits(self) -> Traits:
        """What its noise has of its own."""
        case = self.case
        return Traits(case.threads, self.waits is not None, case.implementation in STATES)

    def start_warm(self) -> "Row":
        """Return the row as it starts with kept compile caches; itself if it keeps none."""
        warm = self.start.warm_by_round
        return replace(self, start=replace(self.start, by_round=warm)) if warm else self

    def time_from_cold(self, epochs: int) -> Interval | None:
        """Return the seconds from a cold start until this many epochs are trained."""
        noises = [noise for noise in (self.start.noise, self.noise) if noise]
        return _estimate(self.sum_epochs(epochs).values(), max(noises, default=None))

    def sum_epochs(self, epochs: int) -> dict[int, float]:
        """Return the seconds from a cold start until this many epochs are trained, by round.

        The first epoch of a process counts as it was, and each of the others as its median epoch.
        """
        return {
            number: start + (epochs - 1) * self.epochs_by_round[number]
            for number, start in self.start.by_round.items()
        }

    @property
    def samples_per_second(self) -> float | None:
        """Images trained in a second of a steady epoch."""
        return None if self.epoch is None else self.case.samples / self.epoch.mean

    @property
    def roofline_share(self) -> float | None:
        """The time of two dense products as a share of the measured time."""
        if self.epoch is None or self.roofline_seconds is None:
            return None
        return self.roofline_seconds / self.epoch.mean


def summarize(
    records: Iterable[Record],
    environments: Mapping[str, Environment],
    run: Run | None = None,
    adjustment: Adjustment | None = None,
) -> list[Row]:
    """Return one row for each case that was tried, in table order (``place_row``).

    Interrupted trials are ignored: they are repeated on resume. run: its first case of a workload
    decides which size is not swept. adjustment: of the records, where it is known.
    """
    records = list(records)
    by_case: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord) and record.status != "interrupted":
            by_case[record.case.slug].append(record)
    cases = *(run.cases if run else ()), *(trials[0].case for trials in by_case.values())
    varied = _find_varied(cases)
    first: dict[str, tuple[int, int, int]] = {}
    for case in cases:
        first.setdefault(case.workload, _identify_size(case, varied))
    adjustment = adjustment or adjust_epochs(records)
    rooflines = find_rooflines(records)
    scored = _select_scored(by_case)
    rows = []
    for slug, trials in by_case.items():
        case = _find_whole(trials)
        size = _identify_size(case, varied)
        parts = trials, scored[slug], environments, adjustment.seconds.get(slug, {})
        row = _summarize_case(*parts, size=size, swept=size != first[case.workload])
        data = environments.get(trials[0].environment, UNKNOWN).data
        features, classes = data.get("features"), data.get("classes")
        roofline = rooflines.get((case.device, case.threads)) if row.succeeded else None
        if roofline and isinstance(features, int) and isinstance(classes, int):
            row = replace(row, roofline_seconds=roofline.epoch_seconds(case, features, classes))
        rows.append(row)
    return sorted(_share_noise(rows), key=place_row)


def _share_noise(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows with their intervals, which know the noise of their tables."""
    tables: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        tables[row.case.workload, row.case.device, row.size].append(row)
    for table in tables.values():
        noises = [
            share_noise({id(row): (list_times(row), row.traits) for row in table})
            for list_times in TIMES
        ]
        for row in table:
            epochs, starts, predictions, singles = (noise[id(row)] for noise in noises)
            start, prediction = row.start, row.prediction
            warm = _estimate(start.warm_by_round.values(), starts)
            warm_up = _estimate(start.warm_ups, starts)
            typical = _estimate(prediction.by_round.values(), predictions)
            single = _estimate(prediction.single_by_round.values(), singles)
            yield replace(
                row,
                epoch=_estimate(row.epochs_by_round.values(), epochs),
                noise=epochs,
                start=replace(start, noise=starts, warm=warm, warm_up=warm_up),
                prediction=replace(prediction, typical=typical, single=single),
            )


# What rows of a table share the noise of: epochs, starts, predictions, and those of one image.
TIMES: tuple[Callable[[Row], Mapping[int, float]], ...] = (
    lambda row: row.epochs_by_round,
    lambda row: row.start.by_round,
    lambda row: row.prediction.by_round,
    lambda row: row.prediction.single_by_round,
)


def _estimate(values: Iterable[float], noise: TableNoise | None) -> Interval | None:
    """Return the typical one of some values, if there are any."""
    numbers = list(values)
    return estimate_typical(numbers, noise) if numbers else None


def count_tried(run: Run, rows: Iterable[Row]) -> dict[str, tuple[int, int]]:
    """Return how many rows of a workload were tried, and how many are planned at its first size.

    Of the workloads of which some were not: a row that is unavailable or failed was tried.
    """
    tried, counts = {row.case.slug for row in rows}, {}
    varied = _find_varied(run.cases)
    for workload in dict.fromkeys(case.workload for case in run.cases):
        cases = [case for case in run.cases if case.workload == workload]
        first, *_ = sizes = [_identify_size(case, varied) for case in cases]
        planned = [c.slug in tried for c, size in zip(cases, sizes, strict=True) if size == first]
        if not all(planned):
            counts[workload] = sum(planned), len(planned)
    return counts


def _find_whole(trials: Iterable[TrialRecord]) -> Case:
    """Return the case of some trials as the plan has it: later rounds may time fewer epochs."""
    return max((trial.case for trial in trials), key=lambda case: case.epochs)


def _select_scored(by_case: Mapping[str, Sequence[TrialRecord]]) -> dict[str, list[TrialRecord]]:
    """Return the trials of each case whose accuracy after its last epoch counts.

    Of the rounds in which all successful cases of its workload and size have one: they share their
    orders and initial weights, so accuracies of other rounds would differ for no reason of theirs.
    """
    scored: dict[str, list[TrialRecord]] = {}
    shared: dict[tuple[object, ...], set[int]] = {}
    for slug, trials in by_case.items():
        epochs = _find_whole(trials).epochs
        scored[slug] = [
            trial
            for trial in trials
            # Older records validate until a target is reached, and test the epochs of the case.
            if trial.status == "ok"
            and min(len(trial.validation_accuracy), len(trial.test_accuracy)) >= epochs
        ]
        if scored[slug]:
            rounds = {trial.round for trial in scored[slug]}
            problem = _identify_accuracy(trials[0].case)
            shared[problem] = shared.get(problem, rounds) & rounds
    return {
        slug: [trial for trial in trials if trial.round in shared[_identify_accuracy(trial.case)]]
        or trials
        for slug, trials in scored.items()
    }


def _identify_accuracy(case: Case) -> tuple[object, ...]:
    return case.workload, case.batch_size, case.samples


def _find_varied(cases: Iterable[Case]) -> set[str]:
    """Return the workloads in which a program has several numbers of threads: each is a size."""
    slugs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in cases:
        slugs[case.workload, case.base_slug].add(case.slug)
    return {workload for (workload, _), of_base in slugs.items() if len(of_base) > 1}


def _identify_size(case: Case, varied: set[str]) -> tuple[int, int, int]:
    """Return the size of a row. varied: workloads with several numbers of threads."""
    threads = case.threads if case.workload in varied else 0
    return case.batch_size, threads, case.samples


def place_row(row: Row) -> tuple[object, ...]:
    """Order rows by workload, device, size, ranked or not, and epoch time."""
    case, size = row.case, row.size if row.swept else ()
    place = (case.workload, case.device, row.swept, size)
    return (*place, not row.ranked, row.typical_seconds, case.implementation)


def _summarize_case(
    trials: Sequence[TrialRecord],
    scored: Sequence[TrialRecord],
    environments: Mapping[str, Environment],
    adjusted: Mapping[int, float],
    *,
    size: tuple[int, int, int],
    swept: bool,
) -> Row:
    """Return the row of some trials. scored: those whose accuracies count.

    adjusted: median epochs by round at the run's mean speed.
    """
    case = _find_whole(trials)
    good = sorted((trial for trial in trials if trial.status == "ok"), key=lambda t: t.round)
    medians = {trial.round: median(trial.epoch_seconds) for trial in good}
    return Row(
        case=case,
        size=size,
        swept=swept,
        version=describe_framework(trials[0], environments),
        rounds=len({trial.round for trial in trials}),
        epochs_by_round={**medians, **adjusted},
        waits=_find_waits(good, environments) if case.device == "cpu" else None,
        start=_summarize_starts(good),
        prediction=Prediction(
            by_round={t.round: median(t.predict_seconds) for t in good if t.predict_seconds},
            single_by_round={
                t.round: median(t.predict_one_seconds) for t in good if t.predict_one_seconds
            },
            images=environments.get(trials[0].environment, UNKNOWN).data.get("test_images"),
        ),
        memory=_summarize_memory(good),
        accuracy=Accuracy(
            validation=_mean(trial.validation_accuracy[case.epochs - 1] for trial in scored),
            test=_mean(trial.test_accuracy[case.epochs - 1] for trial in scored),
            curves=tuple(trial.validation_accuracy for trial in select_seeds(scored)),
        ),
        # The counter covers all timed epochs of a trial, and all processes on the GPU.
        epoch_joules=_mean(
            trial.energy_joules / len(trial.epoch_seconds)
            for trial in good
            if case.device == "gpu"
            and trial.energy_joules is not None
            and not trial.device_conditions.get("other_processes")
        ),
        parity_error=max((trial.parity.error for trial in trials if trial.parity), default=None),
        faults=tuple(_list_failures(trials)),
    )


def _summarize_starts(good: Sequence[TrialRecord]) -> Start:
    others = {trial.round: trial.warm_start_seconds for trial in good if trial.warm_start_seconds}
    cold = [trial for trial in good if not trial.found_cache_bytes]
    warm_ups = [trial.epoch_seconds[0] / median(trial.epoch_seconds) for trial in good]
    return Start(
        by_round=_sum_starts(cold),
        warm_by_round=others | _sum_starts(trial for trial in good if trial.found_cache_bytes),
        imports=_median(trial.import_seconds for trial in cold),
        setup=_median(trial.setup_seconds for trial in cold),
        reset=_median(trial.reset_seconds for trial in cold),
        first_epoch=_median(trial.first_epoch_seconds for trial in cold),
        warm_ups=warm_ups,
    )


def _summarize_memory(good: Sequence[TrialRecord]) -> Memory:
    """Return the memory of successful trials; compilation counts, so those that found it do not."""
    cold = [trial for trial in good if not trial.found_cache_bytes]
    peaks: dict[str, list[float]] = defaultdict(list)
    for trial in cold:
        for phase, peak in trial.phase_rss_bytes.items():
            if peak:
                peaks[phase].append(peak)
    return Memory(
        by_phase={phase: fmean(of_trials) for phase, of_trials in peaks.items()},
        peak_bytes=_mean(trial.peak_rss_bytes for trial in cold),
        device_bytes=_mean(trial.peak_device_bytes for trial in good),
        framework_bytes=_mean(
            trial.device_conditions.get("framework_peak_bytes") for trial in good
        ),
    )


def _find_waits(
    trials: Iterable[TrialRecord], environments: Mapping[str, Environment]
) -> Waits | None:
    """Return how the epochs of some trials wait; None if few of them do.

    Trials of which it is not known are left out: a program that waits for a core which another
    process or guest has is no program that waits.
    """
    waiting: list[float] = []
    others: list[float] = []
    for trial in trials:
        delays = trial.epoch_delay_seconds
        takers = {"steal_seconds": MAX_STEAL} | ({} if delays else {"others_seconds": MAX_OTHERS})
        if any(
            (compute_share([trial], environments, name) or 0) > most
            for name, most in takers.items()
        ):
            continue
        for took, cpu, delay in zip(
            trial.epoch_seconds, trial.epoch_cpu_seconds, delays or repeat(0.0), strict=False
        ):
            (waiting if took - cpu - delay > MAX_IDLE * took else others).append(took)
    waits = Waits(waiting, others)
    return waits if len(waiting) > MAX_WAITING * len(waits.epochs) else None


def _sum_starts(trials: Iterable[TrialRecord]) -> dict[int, float]:
    """Return the seconds until the first epoch is over by round, where all parts are recorded.

    With what the process computed while nothing was timed: it could have been its set-up.
    """
    sums = {}
    for trial in trials:
        parts = [getattr(trial, name) for name in START_PARTS]
        if None not in parts and sum(parts) > 0:
            sums[trial.round] = sum(parts) + (trial.untimed_cpu_seconds or 0.0)
    return sums


def select_seeds(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the first trial of each seed of the orders and the initial weights.

    Rounds of older runs share one seed: their accuracies differ by rounding only.
    """
    first: dict[str | None, TrialRecord] = {}
    for trial in trials:
        first.setdefault(trial.entropy, trial)
    return list(first.values())


def _list_failures(trials: Iterable[TrialRecord]) -> list[tuple[str, str]]:
    """Return status and reason of each trial that failed, or that nothing shows to be right.

    The suite's own tolerance judges: a record could state any.
    """
    faults: list[tuple[str, str]] = []
    for trial in trials:
        if trial.status != "ok":
            faults.append((trial.status, trial.reason or "no reason was given"))
        elif trial.parity is None:
            faults.append(("failed", "it was not judged: its record has no parity error"))
        elif not trial.parity.error <= TOLERANCE:
            error = f"parity error {trial.parity.error:.1e} is above {TOLERANCE:.0e}"
            faults.append(("failed", f"{error}: other mathematics"))
    return faults


def _average(find: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    """Return the mean or the median of the values that were recorded, if any was."""
    recorded = [value for value in values if value is not None]
    return find(recorded) if recorded else None


_mean, _median = partial(_average, fmean), partial(_average, median)


def describe_framework(record: CaseRecord, environments: Mapping[str, Environment]) -> str:
    """Return the framework's name and version, and for Keras its backend's too."""
    if not record.case.framework:
        return "own file"
    software = environments.get(record.environment, UNKNOWN).software
    versions, names = software.get("distributions", {}), list_distributions(record.case)
    return ", ".join(f"{name} {versions.get(name, '(absent)')}" for name in names)
