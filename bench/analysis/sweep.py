"""Select the measured rows of a sweep along each axis: batch size, samples and threads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs
from bench.analysis.summary import Row


@dataclass(frozen=True, slots=True)
class ThreadSpeedup:
    """One problem trained with a single thread and with multiple threads.

    speedup: the time with one thread over the time with several, paired by round; None unless a
    round has both.
    """

    single: Row
    multiple: Row
    speedup: Interval | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """The ranked rows of one workload along each axis; empty for an axis that was not varied.

    threads: the most that were measured; both other axes hold it fixed.
    by_batch_size: rows with ``samples`` samples. by_samples: rows with batch size ``batch_size``.
    """

    threads: int
    samples: int
    batch_size: int
    by_batch_size: tuple[Row, ...]
    by_samples: tuple[Row, ...]
    by_threads: tuple[ThreadSpeedup, ...]


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
    threads = find_max_threads(swept)
    samples, batch_size = find_usual_size(swept, "samples"), find_usual_size(swept, "batch_size")
    parallel = [row for row in swept if row.case.threads == threads]
    by_batch_size = tuple(row for row in parallel if row.case.samples == samples)
    by_samples = tuple(row for row in parallel if row.case.batch_size == batch_size)
    return Sweep(
        threads=threads,
        samples=samples,
        batch_size=batch_size,
        by_batch_size=by_batch_size if len({r.case.batch_size for r in by_batch_size}) > 1 else (),
        by_samples=by_samples if len({row.case.samples for row in by_samples}) > 1 else (),
        by_threads=tuple(
            ThreadSpeedup(single, multiple, compare_epochs(single, multiple))
            for group in varied
            for single in group
            for multiple in group
            if single.case.threads == 1 < multiple.case.threads
            and single.case.batch_size == multiple.case.batch_size
            and single.case.samples == multiple.case.samples
        ),
    )


def find_max_threads(rows: Iterable[Row]) -> int:
    """Return the most threads that any row was measured with."""
    return max(row.case.threads for row in rows)


def find_usual_size(rows: Sequence[Row], axis: Literal["batch_size", "samples"]) -> int:
    """Return the size on an axis at which the other has most sizes; the smallest on a tie.

    Only rows with the most threads count.
    """
    threads = find_max_threads(rows)
    cases = [row.case for row in rows if row.case.threads == threads]
    pairs = {(case.batch_size, case.samples) for case in cases}
    counts = Counter(pair[axis == "samples"] for pair in pairs)
    return min(counts, key=lambda size: (-counts[size], size))
