"""Numbers from records: pure functions, nothing stored.

The process is the unit: each trial gives one median epoch, and trials give a geometric mean with a
t interval on the logarithms. Epochs of one process are never pooled: they share the process's
luck, and treating them as independent makes intervals far too narrow.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from bench.ceiling import Ceiling, Place, ceilings
from bench.intervals import Interval, interval, rounds_needed
from bench.plan import distributions, size_of
from bench.result import MOST_ROUNDS, Case, Environment, Record, Run
from bench.sizes import Size


@dataclass(frozen=True, slots=True)
class Row:
    """One case in a table. Seconds, bytes; accuracies after the workload's own epochs.

    swept: measured at another size than the first that the workload was measured at.
    epochs_by_round: the median epoch of each trial that went well.
    wanted: how many rounds the precision that was asked for takes, or None where none was.
    predicts_by_round: seconds, the median prediction of the test images of each of them that has
    one. test_images: how many these are; None where the data's facts do not tell, as before
    format 4.
    least_epoch: the least time that an epoch could take on this machine; None where no probe of
    the run tells.
    peak_device_bytes: memory of the GPU; None on a CPU, and where no trial tells.
    epoch_joules: of a GPU, the mean of the trials that know it; None where the counter could not
    be read.
    energy_absent: why it could not, where no trial knows it and one says.
    faults: the reason of every trial that did not, and of all where together they are faster than
    the machine; a case with a ``failed`` one is not ranked.
    where: the machine, where rows of several runs stand together: no two of them are comparable.
    """

    case: Case
    swept: bool
    version: str
    rounds: int
    epochs_by_round: Mapping[int, float]
    predicts_by_round: Mapping[int, float]
    test_images: int | None
    epoch: Interval | None
    wanted: int | None
    least_epoch: float | None
    first_epoch: float | None
    imports: float | None
    setup: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    peak_rss_bytes: float | None
    peak_device_bytes: float | None
    epoch_joules: float | None
    energy_absent: str | None
    parity_error: float | None
    faults: tuple[tuple[str, str], ...]
    where: str = ""

    @property
    def ranked(self) -> bool:
        """Tell whether the row may be compared: it has times, and nothing it did was wrong."""
        return self.epoch is not None and all(status != "failed" for status, _ in self.faults)

    @property
    def predict(self) -> Interval | None:
        """Seconds of a prediction of the test images; the process is the unit, as of an epoch."""
        times = list(self.predicts_by_round.values())
        return interval(times) if times else None

    @property
    def predictions_per_second(self) -> float | None:
        """Test images predicted in a second, host to host."""
        if self.predict is None or self.test_images is None:
            return None
        return self.test_images / self.predict.mean

    @property
    def samples_per_second(self) -> float | None:
        """Images trained in a second of a steady epoch."""
        return None if self.epoch is None else self.case.samples / self.epoch.mean

    @property
    def share_of_ceiling(self) -> float | None:
        """The least time of an epoch as a share of the time it took: 1 is what can be had."""
        if self.epoch is None or self.least_epoch is None:
            return None
        return self.least_epoch / self.epoch.mean


def rows(
    records: Iterable[Record], environments: Mapping[str, Environment], run: Run | None = None
) -> list[Row]:
    """Return one row for each case that was tried, the fastest of each workload first.

    An interrupted trial is one still to be made, not a fault of its case. ``run`` says whether a
    precision was asked for, which decides how intervals are computed.
    """
    records, by_case = list(records), defaultdict(list)
    for record in records:
        if record.kind == "trial" and record.status != "interrupted":
            by_case[record.case.slug].append(record)
    known = ceilings(records)
    tried = [trials[0].case for trials in by_case.values()]
    firsts = _firsts((*run.cases, *tried) if run else tried)
    found = [_row(trials, environments, run, known) for trials in by_case.values()]
    found = [replace(row, swept=size_of(row.case) != firsts[row.case.workload]) for row in found]
    return sorted(found, key=place)


def _firsts(cases: Iterable[Case]) -> dict[str, Size]:
    """Return the size of each workload's first case: what a sweep goes out from."""
    firsts: dict[str, Size] = {}
    for case in cases:
        firsts.setdefault(case.workload, size_of(case))
    return firsts


def place(row: Row) -> tuple[object, ...]:
    """Sort by workload, device and size, and then the ranked rows first, the fastest first."""
    time = row.epoch.mean if row.epoch else math.inf
    size = size_of(row.case) if row.swept else ()
    return (row.case.workload, row.case.device, row.swept, size, not row.ranked, time,
            row.case.implementation)  # fmt: skip


def _row(
    trials: Sequence[Record],
    environments: Mapping[str, Environment],
    run: Run | None,
    known: Mapping[Place, Ceiling],
) -> Row:
    case, environment = trials[0].case, environments.get(trials[0].environment)
    good = sorted((trial for trial in trials if trial.status == "ok"), key=lambda one: one.round)
    medians = {trial.round: median(trial.epoch_seconds) for trial in good}
    first = first_stage(medians, case, run)
    epoch = interval(list(medians.values()), len(first) if first else None) if medians else None
    least = _least(case, environment, known)
    last = case.epochs - 1
    metered = good if case.device == "gpu" else []
    joules = _average(map(_joules, metered))
    faults = [(trial.status, trial.reason or "no reason was given")
              for trial in trials if trial.status != "ok"]  # fmt: skip
    return Row(
        case=case,
        swept=False,  # until all cases are known
        version=version(case, environment),
        rounds=len(trials),
        epochs_by_round=medians,
        predicts_by_round={one.round: median(one.predict_seconds) for one in good
                           if one.predict_seconds},
        test_images=environment.data.get("test_images") if environment else None,
        epoch=epoch,
        wanted=rounds_needed(first, run.precision) if run and run.precision and first else None,
        least_epoch=least,
        first_epoch=_mean(trial.first_epoch_seconds for trial in good),
        imports=_mean(trial.import_seconds for trial in good),
        setup=_mean(trial.setup_seconds for trial in good),
        validation_accuracy=_average(trial.validation_accuracy[last] for trial in good),
        test_accuracy=_average(trial.test_accuracy[last] for trial in good),
        peak_rss_bytes=_average(trial.peak_rss_bytes for trial in good),
        peak_device_bytes=_average(trial.peak_device_bytes for trial in good),
        epoch_joules=joules,
        energy_absent=next((trial.energy_absent for trial in metered
                            if trial.energy_absent and joules is None), None),
        parity_error=max((trial.parity.error for trial in trials if trial.parity), default=None),
        faults=(*faults, *_impossible(epoch, least, len(good))),
    )  # fmt: skip


def _joules(trial: Record) -> float | None:
    """Joules of an epoch: the counter goes over all that were timed."""
    known = trial.energy_joules
    return None if known is None else known / len(trial.epoch_seconds)


def _least(
    case: Case, environment: Environment | None, known: Mapping[Place, Ceiling]
) -> float | None:
    """Return the least time of an epoch, where the run's probes and the data's shape tell it."""
    data = environment.data if environment else {}
    features, classes = data.get("features"), data.get("classes")
    ceiling = known.get((case.device, case.threads))
    if ceiling is None or not isinstance(features, int) or not isinstance(classes, int):
        return None
    return ceiling.least_seconds(case, features, classes)


def _impossible(epoch: Interval | None, least: float | None, trials: int) -> list[tuple[str, str]]:
    """Find the fault in epochs that are faster than the machine: no trial of them is a triumph."""
    if epoch is None or least is None or epoch.mean >= least:
        return []
    share = f"{math.floor(100 * epoch.mean / least)}%"  # rounded it could say 100%
    reason = f"an epoch took {share} of the least time: it or the ceiling is wrong; measure again"
    return [("failed", reason)] * trials


def first_stage(epochs: Mapping[int, float], case: Case, run: Run | None) -> list[float] | None:
    """Return the epochs of the rounds that fix how many there will be; None where nothing does."""
    if run is None or run.precision is None:
        return None
    found = [epochs[number] for number in sorted(epochs) if number <= run.rounds[case.workload]]
    return found if len(found) > 1 else None


def wanted(records: Iterable[Record], run: Run) -> dict[str, int]:
    """Return how many rounds the precision takes, by the slug of each case that can be told.

    That is where every round of the first stage went well. Of a run that asked for none, nothing.
    """
    if run.precision is None:
        return {}
    found, main = {}, {case.slug for case in run.cases}
    for row in rows((record for record in records if record.case.slug in main), {}, run):
        stage = first_stage(row.epochs_by_round, row.case, run) or ()
        if row.wanted is not None and row.ranked and len(stage) == run.rounds[row.case.workload]:
            found[row.case.slug] = min(row.wanted, MOST_ROUNDS)
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    """Geometric mean of the times that are there."""
    there = [value for value in values if value]
    return interval(there).mean if there else None


def _average(values: Iterable[float | None]) -> float | None:
    """Arithmetic mean of what is there."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def version(case: Case, environment: Environment | None) -> str:
    """Name the framework's version, and for Keras its backend's too."""
    if not case.framework:
        return "own file"
    known = environment.software.get("distributions", {}) if environment else {}
    return ", ".join(f"{name} {known.get(name, '(absent)')}" for name in distributions(case))
