"""Numbers from records: pure functions, nothing stored.

The process is the unit: each trial gives one median epoch, and trials give a geometric mean with a
t interval on the logarithms. Epochs of one process are never pooled: they share the process's
luck, and treating them as independent makes intervals far too narrow.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

import msgspec

from bench.intervals import Interval, interval, rounds_needed
from bench.plan import distributions
from bench.result import Case, Environment, Record, Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Row:
    """One case in a table. Seconds, bytes; accuracies after the workload's own epochs.

    epochs_by_round: the median epoch of each trial that went well.
    wanted: how many rounds the precision that was asked for takes, or None where none was.
    faults: the reason of every trial that did not; a case with a ``failed`` one is not ranked.
    """

    case: Case
    version: str
    rounds: int
    epochs_by_round: Mapping[int, float]
    epoch: Interval | None
    wanted: int | None
    first_epoch: float | None
    imports: float | None
    setup: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    peak_rss_bytes: float | None
    parity_error: float | None
    faults: tuple[tuple[str, str], ...]

    @property
    def ranked(self) -> bool:
        """Tell whether the row may be compared: it has times, and nothing it did was wrong."""
        return self.epoch is not None and all(status != "failed" for status, _ in self.faults)

    @property
    def samples_per_second(self) -> float | None:
        """Images trained in a second of a steady epoch."""
        return None if self.epoch is None else self.case.samples / self.epoch.mean


def rows(
    records: Iterable[Record], environments: Mapping[str, Environment], run: Run | None = None
) -> list[Row]:
    """Return one row for each case that was tried, the fastest of each workload first.

    An interrupted trial is one still to be made, not a fault of its case. ``run`` says whether a
    precision was asked for, which decides how intervals are computed.
    """
    by_case: dict[bytes, list[Record]] = defaultdict(list)
    for record in records:
        if record.kind == "trial" and record.status != "interrupted":
            by_case[msgspec.json.encode(record.case)].append(record)
    found = [_row(trials, environments, run) for trials in by_case.values()]
    return sorted(found, key=_place)


def _place(row: Row) -> tuple[str, str, bool, float, str]:
    time = row.epoch.mean if row.epoch else math.inf
    return (row.case.workload, row.case.device, not row.ranked, time, row.case.implementation)


def _row(trials: Sequence[Record], environments: Mapping[str, Environment], run: Run | None) -> Row:
    case = trials[0].case
    good = sorted((trial for trial in trials if trial.status == "ok"), key=lambda one: one.round)
    medians = {trial.round: median(trial.epoch_seconds) for trial in good}
    first = first_stage(medians, case, run)
    last = case.epochs - 1
    return Row(
        case=case,
        version=version(case, environments.get(trials[0].environment)),
        rounds=len(trials),
        epochs_by_round=medians,
        epoch=interval(list(medians.values()), len(first) if first else None) if medians else None,
        wanted=rounds_needed(first, run.precision) if run and run.precision and first else None,
        first_epoch=_mean(trial.first_epoch_seconds for trial in good),
        imports=_mean(trial.import_seconds for trial in good),
        setup=_mean(trial.setup_seconds for trial in good),
        validation_accuracy=_average(trial.validation_accuracy[last] for trial in good),
        test_accuracy=_average(trial.test_accuracy[last] for trial in good),
        peak_rss_bytes=_average(trial.peak_rss_bytes for trial in good),
        parity_error=max((trial.parity.error for trial in trials if trial.parity), default=None),
        faults=tuple(
            (trial.status, trial.reason or "no reason was given")
            for trial in trials
            if trial.status != "ok"
        ),
    )


def first_stage(epochs: Mapping[int, float], case: Case, run: Run | None) -> list[float] | None:
    """Return the epochs of the rounds that fix how many there will be; None where nothing does."""
    if run is None or run.precision is None:
        return None
    found = [epochs[number] for number in sorted(epochs) if number <= run.rounds[case.workload]]
    return found if len(found) > 1 else None


def wanted(records: Iterable[Record], run: Run) -> dict[str, int]:
    """Return how many rounds the precision takes, by the slug of each case that can be told.

    That is where every round of the first stage went well.
    """
    found = {}
    for row in rows(records, {}, run):
        stage = first_stage(row.epochs_by_round, row.case, run) or ()
        if row.wanted is not None and row.ranked and len(stage) == run.rounds[row.case.workload]:
            found[row.case.slug] = row.wanted
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


def ratio(slower: Row, faster: Row) -> Interval | None:
    """How many times longer an epoch of one row takes than of another, round by round.

    Trials of one round were neighbours in time, so that their ratio is free of the machine's
    drift. None where no round has both.
    """
    both = sorted(set(slower.epochs_by_round) & set(faster.epochs_by_round))
    if not both:
        return None
    return interval([slower.epochs_by_round[n] / faster.epochs_by_round[n] for n in both])


def comparable(all_rows: Iterable[Row], row: Row) -> list[Row]:
    """Return the ranked rows with the same objective, workload, device, batch size and so on."""
    return [other for other in all_rows if other.ranked and _group(other) == _group(row)]


def _group(row: Row) -> tuple[object, ...]:
    case = row.case
    return (
        case.objective, case.workload, case.device, case.batch_size, case.threads, case.samples
    )  # fmt: skip


def leaders(group: Sequence[Row]) -> list[Row]:
    """Return the fastest row, and with it every one that the data do not tell from it.

    A row is told from the fastest where the interval of their ratio lies above 1; one round gives
    no interval, and then nothing is told.
    """
    ranked = sorted((row for row in group if row.ranked), key=_place)
    if not ranked:
        return []
    return [row for row in ranked if row is ranked[0] or not _apart(row, ranked[0])]


def _apart(row: Row, fastest: Row) -> bool:
    found = ratio(row, fastest)
    return found is not None and found.low is not None and found.low > 1


def times_fastest(all_rows: Sequence[Row], row: Row) -> Interval | None:
    """Ratio to the fastest softmax row of the same problem, whatever the row's own objective.

    A one-vs-rest row solves another problem; wherever this number is shown, the objective is too.
    """
    peers = [
        other for other in all_rows
        if other.ranked
        and other.case.objective == "softmax"
        and _group(other)[1:] == _group(row)[1:]
    ]  # fmt: skip
    if not row.ranked or not peers:
        return None
    return ratio(row, min(peers, key=_place))


def frame(all_rows: Sequence[Row]) -> "pd.DataFrame":
    """Every number of the table, unrounded, one row a case: what summary.csv holds."""
    import pandas as pd

    return pd.DataFrame([_flat(all_rows, row) for row in all_rows])


def _flat(all_rows: Sequence[Row], row: Row) -> dict[str, object]:
    case, times = row.case, times_fastest(all_rows, row)
    return {
        "implementation": case.implementation, "version": row.version,
        "objective": case.objective, "style": case.style, "data": case.data,
        "workload": case.workload, "device": case.device, "batch_size": case.batch_size,
        "threads": case.threads, "samples": case.samples, "rounds": row.rounds,
        "rounds_ok": len(row.epochs_by_round), "ranked": row.ranked,
        "validation_accuracy": row.validation_accuracy, "test_accuracy": row.test_accuracy,
        "epoch_seconds": row.epoch and row.epoch.mean,
        "epoch_seconds_low": row.epoch and row.epoch.low,
        "epoch_seconds_high": row.epoch and row.epoch.high,
        "samples_per_second": row.samples_per_second,
        "times_fastest": times and times.mean,
        "first_epoch_seconds": row.first_epoch, "import_seconds": row.imports,
        "setup_seconds": row.setup, "peak_rss_bytes": row.peak_rss_bytes,
        "parity_error": row.parity_error,
        "reasons": "; ".join(sorted({f"{status}: {reason}" for status, reason in row.faults})),
    }  # fmt: skip
