"""From which batch size on a GPU trains faster than the CPU, or one machine than another."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.analysis.intervals import Interval, estimate_ratio
from bench.analysis.ranking import compare_epochs
from bench.analysis.summary import Row
from bench.analysis.sweep import max_threads, usual_samples


@dataclass(frozen=True, slots=True)
class Crossover:
    """Compare one implementation on a first and a second device, of one machine or of two.

    speedups: the time on the first device over the time on the second, by ascending batch size;
        at least one.
    batch_size: the batch size from which on the second device is faster. Its interval reaches from
        where the speedups' upper bounds cross 1 to where their lower bounds do. 0 means that the
        second device is faster at every measured batch size, infinity that it is slower at the
        largest. Without bounds if one of the speedups has none (one round).
    """

    name: str
    speedups: Mapping[int, Interval]
    batch_size: Interval

    @classmethod
    def from_speedups(cls, name: str, speedups: Mapping[int, Interval]) -> "Crossover":
        """Interpolate the crossing of the speedups and of their bounds."""
        upper = {size: s.high for size, s in speedups.items() if s.high is not None}
        lower = {size: s.low for size, s in speedups.items() if s.low is not None}
        bounded = len(upper) == len(lower) == len(speedups)
        crossing = Interval(
            interpolate_crossing({size: s.mean for size, s in speedups.items()}),
            interpolate_crossing(upper) if bounded else None,
            interpolate_crossing(lower) if bounded else None,
        )
        return cls(name, speedups, crossing)

    @property
    def inverted(self) -> "Crossover":
        """Swap the devices: the batch size from which on the first is faster than the second."""
        return self.from_speedups(self.name, {size: 1 / s for size, s in self.speedups.items()})


def interpolate_crossing(speedups: Mapping[int, float]) -> float:
    """Return the batch size from which on the speedups, by ascending batch size, exceed 1.

    Interpolates linearly between the logarithms of batch sizes and speedups. If they cross 1
    several times, the last upward crossing counts: between neighbours a and b with
    s(a) <= 1 < s(b) it is at

        ln x = ln a + (ln b - ln a) * ln s(a) / (ln s(a) - ln s(b)).

    Returns 0 if every speedup exceeds 1, infinity if the last one does not.
    """
    sizes = list(speedups)
    if speedups[sizes[-1]] <= 1:
        return math.inf
    upward = [(a, b) for a, b in pairwise(sizes) if speedups[a] <= 1 < speedups[b]]
    if not upward:
        return 0.0
    a, b = upward[-1]
    low, high = math.log(speedups[a]), math.log(speedups[b])
    return float(a * (b / a) ** (low / (low - high)))


def _find_crossovers(
    first: Sequence[Row], second: Sequence[Row], speedup: Callable[[Row, Row], Interval | None]
) -> list[Crossover]:
    """Return the crossover of each implementation that was measured on both devices.

    first, second: ranked rows of one workload, each of one device. Compared are rows at the samples
    that the first device has most batch sizes of, with the most threads of each device. speedup
    returns the time of its first row over that of its second.
    """
    if not first or not second:
        return []
    samples = usual_samples(first)
    first_threads, second_threads = max_threads(first), max_threads(second)
    counterparts = {
        (row.case.implementation, row.case.batch_size): row
        for row in second
        if (row.case.samples, row.case.threads) == (samples, second_threads)
    }
    speedups: dict[str, dict[int, Interval]] = defaultdict(dict)
    for row in first:
        if (row.case.samples, row.case.threads) != (samples, first_threads):
            continue
        by_size = speedups[row.case.implementation]
        counterpart = counterparts.get((row.case.implementation, row.case.batch_size))
        interval = speedup(row, counterpart) if counterpart else None
        if interval:
            by_size[row.case.batch_size] = interval
    return [
        Crossover.from_speedups(name, dict(sorted(by_size.items())))
        for name, by_size in speedups.items()
        if by_size
    ]


def find_device_crossovers(rows: Iterable[Row], workload: str) -> list[Crossover]:
    """Return where the GPU overtakes the CPU, for each implementation measured on both."""
    ranked = [row for row in rows if row.ranked and row.case.workload == workload]
    cpu = [row for row in ranked if row.case.device == "cpu"]
    gpu = [row for row in ranked if row.case.device == "gpu"]
    return _find_crossovers(cpu, gpu, compare_epochs)


def find_machine_crossovers(first: Sequence[Row], second: Sequence[Row]) -> list[Crossover]:
    """Return where the second machine overtakes the first, where both have two batch sizes.

    first, second: ranked rows of one workload and of one device each, at every size.
    """
    crossovers = _find_crossovers(first, second, lambda base, row: compare_machines(row, base))
    return [crossover for crossover in crossovers if len(crossover.speedups) > 1]


def compare_machines(row: Row, base: Row) -> Interval | None:
    """Return how many times as fast a row is as the base row; None unless both are ranked.

    Rows of two machines share no round: their processes are independent samples. Two devices of
    one machine are compared round by round, which removes the machine's drift.
    """
    if not row.ranked or not base.ranked:
        return None
    if row.machine == base.machine:
        return compare_epochs(base, row)
    return estimate_ratio(list(base.epochs_by_round.values()), list(row.epochs_by_round.values()))
