"""How each implementation's epoch grows: over batch sizes, samples and threads, from its rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from bench.contract import Device
from bench.growth import Cost, Point, cost, efficiency, exponent
from bench.intervals import Interval
from bench.plan import size_of
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Threading:
    """The same problem with one thread and with several; efficiency is T(1) / (n * T(n))."""

    one: Row
    many: Row
    efficiency: Interval | None


@dataclass(frozen=True, slots=True)
class Scaling:
    """One implementation, workload and device, measured at several sizes.

    rows: every ranked row, in the order of the tables. cost: of the sizes with the most threads.
    exponent: by which the epoch grows with the samples, at the batch size that most numbers of
    samples were measured at; 1 where it is proportional. threading: of each size that was measured
    with one thread and with more.
    """

    name: str
    rows: tuple[Row, ...]
    cost: Cost | None
    exponent: Interval | None
    threading: tuple[Threading, ...]

    @property
    def device(self) -> Device:
        """The device of every row."""
        return self.rows[0].case.device

    def at(self, batch_size: int, threads: int, samples: int) -> Row | None:
        """Return the row of one size."""
        sizes = ((row.case.batch_size, row.case.threads, row.case.samples) for row in self.rows)
        found = dict(zip(sizes, self.rows, strict=True))
        return found.get((batch_size, threads, samples))


def scalings(rows: Iterable[Row], workload: str) -> list[Scaling]:
    """Return how each implementation scales that was measured at more than one size.

    Costs and exponents of all of them are of the same threads, and exponents of the same batch
    size, or they could not stand in one table.
    """
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.case.workload == workload and row.ranked:
            groups[row.case.device, row.case.implementation].append(row)
    several = [(name, group) for (_, name), group in groups.items() if len(group) > 1]
    every = [row for _, group in several for row in group]
    if not every:
        return []
    threads, batch_size = most_threads(every), usual_batch_size(every)
    return [_scaling(name, group, threads, batch_size) for name, group in several]


def most_threads(rows: Iterable[Row]) -> int:
    """Return the most threads that any row was measured with."""
    return max(row.case.threads for row in rows)


def usual_samples(rows: Iterable[Row]) -> int:
    """Return the samples at which most batch sizes were measured, the fewest of several."""
    pairs = {(row.case.samples, row.case.batch_size) for row in _whole(rows)}
    samples = sorted(size for size, _ in pairs)
    return max(samples, key=samples.count)


def usual_batch_size(rows: Iterable[Row]) -> int:
    """Return the batch size at which most numbers of samples were, the smallest of several."""
    pairs = {(row.case.batch_size, row.case.samples) for row in _whole(rows)}
    sizes = sorted(size for size, _ in pairs)
    return max(sizes, key=sizes.count)


def _whole(rows: Iterable[Row]) -> list[Row]:
    rows = list(rows)
    threads = most_threads(rows)
    return [row for row in rows if row.case.threads == threads]


def _scaling(name: str, group: Sequence[Row], threads: int, batch_size: int) -> Scaling:
    whole = [row for row in group if row.case.threads == threads]
    return Scaling(
        name=name,
        rows=tuple(group),
        cost=cost([Point(row.case.samples // row.case.batch_size, row.case.samples, _seconds(row))
                   for row in whole]),
        exponent=exponent([(row.case.samples, _seconds(row)) for row in whole
                           if row.case.batch_size == batch_size]),
        threading=tuple(_threading(group)),
    )  # fmt: skip


def _threading(group: Sequence[Row]) -> Iterable[Threading]:
    for one, many in product(group, group):
        same = size_of(one.case)._replace(threads=0) == size_of(many.case)._replace(threads=0)
        if same and one.case.threads == 1 < many.case.threads:
            found = efficiency(one.epochs_by_round, many.epochs_by_round, many.case.threads)
            yield Threading(one, many, found)


def _seconds(row: Row) -> float:
    assert row.epoch is not None  # it is ranked
    return row.epoch.mean
