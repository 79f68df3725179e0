"""Select measured rows along each axis: batch size and samples of a sweep, and threads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs
from bench.analysis.summary import Row


@dataclass(frozen=True, slots=True)
class ThreadSpeedup:
    """One problem trained with a single thread and with multiple threads, in the same rounds.

    speedup: the time with one thread over the time with several, paired by round.
    """

    single: Row
    multiple: Row
    speedup: Interval


@dataclass(frozen=True, slots=True)
class Sweep:
    """The ranked rows of one workload along two axes; empty for an axis that was not varied.

    All have the threads that a pilot chose for them, or else the most that were measured.
    by_batch_size: rows with ``samples`` samples. by_samples: rows with batch size ``batch_size``.
    """

    samples: int
    batch_size: int
    by_batch_size: tuple[Row, ...]
    by_samples: tuple[Row, ...]


def find_sweep(rows: Iterable[Row], workload: str) -> Sweep | None:
    """Return the rows along each axis, in their order; None if every case has one size.

    Leaves out implementations that were measured at one size only.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.case.workload == workload and row.ranked:
            groups[row.case.device, row.case.implementation].append(row)
    varied = [group for group in groups.values() if len(group) > 1]
    if not varied:
        return None
    swept = [row for group in varied for row in group]
    samples, batch_size = find_usual_size(swept, "samples"), find_usual_size(swept, "batch_size")
    parallel = select_threads(swept)
    by_batch_size = tuple(row for row in parallel if row.case.samples == samples)
    by_samples = tuple(row for row in parallel if row.case.batch_size == batch_size)
    return Sweep(
        samples,
        batch_size,
        by_batch_size if len({row.case.batch_size for row in by_batch_size}) > 1 else (),
        by_samples if len({row.case.samples for row in by_samples}) > 1 else (),
    )


def find_thread_speedups(rows: Iterable[Row], workload: str) -> list[ThreadSpeedup]:
    """Pair each ranked row of one thread with those of more, in their order.

    Rows that were not measured in the same rounds are left out: the ratio, which is taken round by
    round, would not be that of the two times, which are means over all rounds of a row.
    """
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        case = row.case
        if case.workload == workload and row.ranked:
            problem = (case.device, case.implementation, case.batch_size, case.samples)
            groups[problem].append(row)
    return [
        ThreadSpeedup(single, multiple, speedup)
        for group in groups.values()
        for single in group
        for multiple in group
        if single.case.threads == 1 < multiple.case.threads
        and single.epochs_by_round.keys() == multiple.epochs_by_round.keys()
        and (speedup := compare_epochs(single, multiple))
    ]


def select_threads(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with threads that a pilot chose, and of the others those with the most."""
    most = max((row.case.threads for row in rows if not row.case.tried_threads), default=0)
    return [row for row in rows if row.case.tried_threads or row.case.threads == most]


def find_usual_size(rows: Sequence[Row], axis: Literal["batch_size", "samples"]) -> int:
    """Return the size on an axis at which the other has most sizes; the smallest on a tie.

    Only the rows of ``select_threads`` count.
    """
    cases = [row.case for row in select_threads(rows)]
    pairs = {(case.batch_size, case.samples) for case in cases}
    counts = Counter(pair[axis == "samples"] for pair in pairs)
    return min(counts, key=lambda size: (-counts[size], size))
