"""One case on two machines: how many times as fast, and from which batch size on."""

from collections.abc import Sequence

from bench.crossover import Crossover, overtaking
from bench.intervals import Interval, independent
from bench.ranking import ratio
from bench.summary import Row


def speedup(row: Row, base: Row) -> Interval | None:
    """How many times as fast a case is as on the base: above 1 it takes less time than there.

    Two machines share no round, and their processes are two samples. Two devices of one run on one
    machine do, and the ratio is free of its drift round by round. None where a row is not ranked.
    """
    if not row.ranked or not base.ranked:
        return None
    if row.where == base.where:
        return ratio(base, row)
    return independent(list(base.epochs_by_round.values()), list(row.epochs_by_round.values()))


def crossovers(first: Sequence[Row], second: Sequence[Row]) -> list[Crossover]:
    """Return where the second overtakes the first, of each implementation that can be told.

    first, second: ranked rows of one workload and of one device each, at every size. It takes two
    batch sizes that both were measured at.
    """
    found = overtaking(first, second, lambda one, other: speedup(other, one))
    return [each for each in found if len(each.speedups) > 1]
