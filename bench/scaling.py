"""Select the measured rows of a sweep along each axis: batch size, samples and threads."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.intervals import Interval
from bench.ranking import ratio
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class ThreadSpeedup:
    """One problem trained with one thread and with several.

    speedup: the time with one thread over the time with several, paired by round; None where no
    round has both.
    """

    one: Row
    several: Row
    speedup: Interval | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """The ranked rows of one workload along each axis; an axis that was not varied has none.

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
    """Return what was measured along each axis, or None where every case has one size.

    Implementations that were measured at one size only are left out. Rows keep their order.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.case.workload == workload and row.ranked:
            groups[row.case.device, row.case.implementation].append(row)
    varied = [group for group in groups.values() if len(group) > 1]
    if not varied:
        return None
    every = [row for group in varied for row in group]
    samples, batch_size = usual_samples(every), usual_batch_size(every)
    most = _with_most_threads(every)
    by_batch_size = tuple(row for row in most if row.case.samples == samples)
    by_samples = tuple(row for row in most if row.case.batch_size == batch_size)
    return Sweep(
        threads=most_threads(every),
        samples=samples,
        batch_size=batch_size,
        by_batch_size=by_batch_size
        if len({row.case.batch_size for row in by_batch_size}) > 1
        else (),
        by_samples=by_samples if len({row.case.samples for row in by_samples}) > 1 else (),
        by_threads=tuple(pair for group in varied for pair in _thread_speedups(group)),
    )


def most_threads(rows: Iterable[Row]) -> int:
    """Return the most threads that any row was measured with."""
    return max(row.case.threads for row in rows)


def usual_samples(rows: Iterable[Row]) -> int:
    """Return the samples at which most batch sizes were measured, the fewest of several."""
    pairs = {(row.case.samples, row.case.batch_size) for row in _with_most_threads(rows)}
    samples = sorted(size for size, _ in pairs)
    return max(samples, key=samples.count)


def usual_batch_size(rows: Iterable[Row]) -> int:
    """Return the batch size at which most numbers of samples were, the smallest of several."""
    pairs = {(row.case.batch_size, row.case.samples) for row in _with_most_threads(rows)}
    sizes = sorted(size for size, _ in pairs)
    return max(sizes, key=sizes.count)


def _with_most_threads(rows: Iterable[Row]) -> list[Row]:
    rows = list(rows)
    threads = most_threads(rows)
    return [row for row in rows if row.case.threads == threads]


def _thread_speedups(group: Sequence[Row]) -> list[ThreadSpeedup]:
    """Pair rows with one thread and with several at the same batch size and samples."""
    return [
        ThreadSpeedup(one, several, ratio(one, several))
        for one in group
        for several in group
        if one.case.threads == 1 < several.case.threads
        and one.case.batch_size == several.case.batch_size
        and one.case.samples == several.case.samples
    ]
