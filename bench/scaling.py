"""How each implementation's epoch grows: over batch sizes, samples and threads, from its rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.growth import Cost, Point, cost, efficiency, exponent
from bench.intervals import Interval
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
    exponent: by which the epoch grows with the samples, at the batch size measured with the most
    numbers of samples; 1 where it is proportional. threading: of each size with one thread.
    """

    name: str
    rows: tuple[Row, ...]
    cost: Cost | None
    exponent: Interval | None
    threading: tuple[Threading, ...]

    def at(self, batch_size: int, threads: int, samples: int) -> Row | None:
        """Return the row of one size."""
        sizes = ((row.case.batch_size, row.case.threads, row.case.samples) for row in self.rows)
        found = dict(zip(sizes, self.rows, strict=True))
        return found.get((batch_size, threads, samples))


def scalings(rows: Iterable[Row], workload: str) -> list[Scaling]:
    """Return how each implementation scales that was measured at more than one size."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.case.workload == workload and row.ranked:
            groups[row.case.device, row.case.implementation].append(row)
    return [_scaling(name, group) for (_, name), group in groups.items() if len(group) > 1]


def _scaling(name: str, group: Sequence[Row]) -> Scaling:
    threads = max(row.case.threads for row in group)
    whole = [row for row in group if row.case.threads == threads]
    return Scaling(
        name=name,
        rows=tuple(group),
        cost=cost([Point(row.case.samples // row.case.batch_size, row.case.samples, _seconds(row))
                   for row in whole]),
        exponent=exponent([(row.case.samples, _seconds(row)) for row in _longest(whole)]),
        threading=tuple(_threading(group, whole)),
    )  # fmt: skip


def _longest(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the batch size at which most numbers of samples were measured."""
    by_size: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_size[row.case.batch_size].append(row)
    return max(by_size.values(), key=len)


def _threading(group: Sequence[Row], whole: Sequence[Row]) -> Iterable[Threading]:
    for one in group:
        for many in whole:
            same = (one.case.batch_size, one.case.samples) == (
                many.case.batch_size, many.case.samples
            )  # fmt: skip
            if same and one.case.threads == 1 < many.case.threads:
                found = efficiency(one.epochs_by_round, many.epochs_by_round, many.case.threads)
                yield Threading(one, many, found)


def _seconds(row: Row) -> float:
    assert row.epoch is not None  # it is ranked
    return row.epoch.mean
