"""From which batch size on a GPU trains faster than the CPU: a question to the rows of both."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.intervals import Interval
from bench.ranking import ratio
from bench.scaling import most_threads, usual_samples
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Crossover:
    """How one implementation's GPU compares with its CPU.

    speedups: CPU time over GPU time by batch size, ascending; it has one at least.
    batch_size: the smallest from which on the GPU is the faster at every larger one that was
    measured on both; None where it is slower at the largest.
    told: whether the intervals of the ratios tell that batch size: above 1 there, and below 1 at
    the one before it.
    """

    name: str
    speedups: Mapping[int, Interval]
    batch_size: int | None
    told: bool


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
    return [_crossover(name, speedups) for name, speedups in found.items() if speedups]


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


def _crossover(name: str, speedups: Mapping[int, Interval]) -> Crossover:
    sizes = list(speedups)
    slower = [number for number, size in enumerate(sizes) if speedups[size].mean <= 1]
    at = max(slower, default=-1) + 1
    if at == len(sizes):
        return Crossover(name, speedups, None, _below(speedups[sizes[-1]]))
    before = at == 0 or _below(speedups[sizes[at - 1]])
    return Crossover(name, speedups, sizes[at], before and _above(speedups[sizes[at]]))


def _below(found: Interval) -> bool:
    """Tell whether a ratio is told from 1, below it; that of one round is not."""
    return found.high is not None and found.high < 1


def _above(found: Interval) -> bool:
    """Tell whether a ratio is told from 1, above it; that of one round is not."""
    return found.low is not None and found.low > 1
