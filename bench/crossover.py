"""From which batch size on a GPU trains faster than the CPU: a question to the rows of both."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.intervals import Interval
from bench.ranking import ratio
from bench.scaling import most_threads, usual_samples
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Crossover:
    """How one implementation's GPU compares with its CPU.

    speedups: CPU time over GPU time by batch size, ascending; it has one at least.
    batch_size: from which on the GPU is the faster, as ``crossing`` interpolates it on the
    speedups; its interval is from where their upper bounds cross to where their lower bounds do.
    Each of the three is 0 where the GPU is the faster at every batch size that was measured, and
    infinite where it is not at the largest. There is no interval where one of the speedups has
    none: that of one round.
    """

    name: str
    speedups: Mapping[int, Interval]
    batch_size: Interval


def crossovers(rows: Iterable[Row], workload: str) -> list[Crossover]:
    """Return where the devices cross, of each implementation that was measured on both of them.

    Compared are batch sizes at the samples at which most were measured, on all threads of the CPU.
    """
    ranked = [row for row in rows if row.ranked and row.case.workload == workload]
    if not {"cpu", "gpu"} <= {row.case.device for row in ranked}:
        return []
    pairs: dict[str, dict[int, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in _whole(ranked):
        pairs[row.case.implementation][row.case.batch_size][row.case.device] = row
    found = {name: _speedups(sizes) for name, sizes in pairs.items()}
    return [Crossover(name, speedups, _crossing(speedups))
            for name, speedups in found.items() if speedups]  # fmt: skip


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


def _whole(ranked: Sequence[Row]) -> list[Row]:
    """Return the rows at the usual samples with the most threads of their device."""
    by_device = [[row for row in ranked if row.case.device == each] for each in ("cpu", "gpu")]
    threaded = [row for rows in by_device for row in rows
                if row.case.threads == most_threads(rows)]  # fmt: skip
    samples = usual_samples(by_device[0])
    return [row for row in threaded if row.case.samples == samples]


def _speedups(sizes: Mapping[int, Mapping[str, Row]]) -> dict[int, Interval]:
    both = {size: rows for size, rows in sorted(sizes.items()) if len(rows) == 2}
    ratios = {size: ratio(rows["cpu"], rows["gpu"]) for size, rows in both.items()}
    return {size: found for size, found in ratios.items() if found is not None}


def _crossing(speedups: Mapping[int, Interval]) -> Interval:
    mean = crossing({size: each.mean for size, each in speedups.items()})
    upper = {size: each.high for size, each in speedups.items() if each.high is not None}
    lower = {size: each.low for size, each in speedups.items() if each.low is not None}
    if not len(upper) == len(lower) == len(speedups):
        return Interval(mean)
    return Interval(mean, crossing(upper), crossing(lower))
