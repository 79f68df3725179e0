"""From which batch size on a GPU trains faster than the CPU, or one machine than another."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.intervals import Interval
from bench.ranking import ratio
from bench.scaling import most_threads, usual_samples
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Crossover:
    """How one implementation compares on two devices: of one machine, or of two.

    speedups: the time on the first over that on the second (CPU time over GPU time) by batch size,
    ascending; it has one at least. batch_size: from which on the second is the faster, as
    ``crossing`` interpolates it on the speedups; its interval is from where their upper bounds
    cross to where their lower bounds do. Each of the three is 0 where the second is the faster at
    every batch size that was measured, and infinite where it is not at the largest. There is no
    interval where one of the speedups has none: that of one round.
    """

    name: str
    speedups: Mapping[int, Interval]
    batch_size: Interval

    @property
    def turned(self) -> "Crossover":
        """From which batch size on the first is faster than the second."""
        return _crossover(self.name, {size: its.under(1) for size, its in self.speedups.items()})


def crossovers(rows: Iterable[Row], workload: str) -> list[Crossover]:
    """Return where the devices cross, of each implementation that was measured on both of them.

    Compared are batch sizes at the samples at which most were measured, on all threads of the CPU.
    """
    ranked = [row for row in rows if row.ranked and row.case.workload == workload]
    cpu, gpu = ([row for row in ranked if row.case.device == each] for each in ("cpu", "gpu"))
    return overtaking(cpu, gpu, ratio)


def overtaking(
    first: Sequence[Row], second: Sequence[Row], speedup: Callable[[Row, Row], Interval | None]
) -> list[Crossover]:
    """Return from where on the second is the faster, of each implementation measured on both.

    first, second: ranked rows of one workload, each of one device; at the samples at which most
    batch sizes were measured on the first, and with the most threads of each. speedup: how many
    times longer the first of two rows takes.
    """
    if not first or not second:
        return []
    samples = usual_samples(first)
    one, other = _whole(first, samples), _whole(second, samples)
    found: dict[str, dict[int, Interval]] = {}
    for key in sorted(one.keys() & other.keys()):
        if its := speedup(one[key], other[key]):
            found.setdefault(key[0], {})[key[1]] = its
    names = dict.fromkeys(name for name, _ in one if name in found)
    return [_crossover(name, found[name]) for name in names]


def _crossover(name: str, speedups: Mapping[int, Interval]) -> Crossover:
    return Crossover(name, speedups, _crossing(speedups))


def crossing(speedups: Mapping[int, float]) -> float:
    """Return the batch size from which on a polyline through speedups, ascending, is above 1.

    Its corners are at the logarithms of batch sizes and speedups. Of the neighbours a and b whose
    speedups are s(a) <= 1 < s(b) the last ones count, and between them it is nought at

        ln x = ln a + (ln b - ln a) * ln s(a) / (ln s(a) - ln s(b)).

    0 where every speedup is above 1, infinite where the last is not.
    """
    sizes = list(speedups)
    if speedups[sizes[-1]] <= 1:
        return math.inf
    below = [(a, b) for a, b in pairwise(sizes) if speedups[a] <= 1 < speedups[b]]
    if not below:
        return 0.0
    a, b = below[-1]
    low, high = math.log(speedups[a]), math.log(speedups[b])
    return float(a * (b / a) ** (low / (low - high)))


def _whole(rows: Sequence[Row], samples: int) -> dict[tuple[str, int], Row]:
    """Return the rows at these samples with most threads, by implementation and batch size."""
    threads = most_threads(rows)
    return {(row.case.implementation, row.case.batch_size): row for row in rows
            if (row.case.samples, row.case.threads) == (samples, threads)}  # fmt: skip


def _crossing(speedups: Mapping[int, Interval]) -> Interval:
    mean = crossing({size: each.mean for size, each in speedups.items()})
    upper = {size: each.high for size, each in speedups.items() if each.high is not None}
    lower = {size: each.low for size, each in speedups.items() if each.low is not None}
    if not len(upper) == len(lower) == len(speedups):
        return Interval(mean)
    return Interval(mean, crossing(upper), crossing(lower))
