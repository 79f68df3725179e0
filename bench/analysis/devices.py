"""Each implementation on the CPU and on the GPU, and from which batch size on the GPU is faster."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs, compare_rounds
from bench.analysis.summary import Row
from bench.analysis.sweep import find_usual_samples
from bench.contract import Device


@dataclass(frozen=True, slots=True)
class Crossover:
    """The size from which on an implementation is faster in one way than in another.

    As the batch size from which on the GPU is faster than the CPU, or a number of models.
    speedups: time of the other over that of the one, by ascending size; at least one.
    size: as of ``interpolate_crossing``. Its interval reaches from where the speedups' upper
        bounds cross 1 to where their lower bounds do; none if a speedup has no bounds (one round).
    """

    name: str
    speedups: Mapping[int, Interval]
    size: Interval

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


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """One implementation on both devices at a workload's first size; ranked on at least one."""

    # By device, ranked or not, with the number of threads whose epoch is the shortest.
    rows: Mapping[Device, Row]
    # CPU time over GPU time of an epoch, paired by round; None unless both devices have one.
    training: Interval | None
    predicting: Interval | None  # the same of a prediction
    crossover: Crossover | None  # of the sweep, or None
    # The numbers of threads that were tried on the CPU, ascending. With one of them, another may be
    # faster.
    cpu_threads: tuple[int, ...]

    def ranked(self, device: Device) -> Row | None:
        """Return the row of a device if it is ranked."""
        row = self.rows.get(device)
        return row if row and row.ranked else None


def interpolate_crossing(speedups: Mapping[int, float]) -> float:
    """Return the size from which on the speedups, by ascending size, exceed 1.

    Interpolates linearly between the logarithms of sizes and speedups. If they cross 1
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


def find_crossovers(rows: Iterable[Row], workload: str) -> list[Crossover]:
    """Return where the GPU overtakes the CPU, for each implementation measured on both.

    Compared are ranked rows at the samples that the CPU has most batch sizes of, on each device
    with the number of threads whose epoch is the shortest.
    """
    ranked = [row for row in rows if row.ranked and row.case.workload == workload]
    cpu = [row for row in ranked if row.case.device == "cpu"]
    samples = find_usual_samples(cpu)
    fastest = find_fastest(row for row in ranked if row.case.samples == samples)
    speedups: dict[str, dict[int, Interval]] = {row.case.implementation: {} for row in cpu}
    for (name, device, batch_size), row in fastest.items():
        counterpart = fastest.get((name, "gpu", batch_size))
        if device == "cpu" and counterpart and (speedup := compare_epochs(row, counterpart)):
            speedups[name][batch_size] = speedup
    return [
        Crossover.from_speedups(name, dict(sorted(by_size.items())))
        for name, by_size in speedups.items()
        if by_size
    ]


def find_fastest(rows: Iterable[Row]) -> dict[tuple[str, Device, int], Row]:
    """Return the row of each implementation, device and batch size with the shortest epoch.

    Rows with more threads than are good for them would flatter a speedup over them. A row that is
    not ranked is returned where there is no other.
    """
    fastest: dict[tuple[str, Device, int], Row] = {}
    for row in sorted(rows, key=lambda row: (not row.ranked, row.typical_seconds)):
        case = row.case
        fastest.setdefault((case.implementation, case.device, case.batch_size), row)
    return fastest


def compare_devices(
    rows: Iterable[Row], workload: str, crossovers: Sequence[Crossover] = ()
) -> list[DeviceComparison]:
    """Compare the implementations of a workload, the fastest on the GPU first.

    Returns nothing if no row is of a GPU. crossovers: of a sweep of the same workload.
    """
    rows = [row for row in rows if row.case.workload == workload]
    first_sizes = {(row.case.batch_size, row.case.samples) for row in rows if not row.swept}
    by_name: dict[str, dict[Device, Row]] = defaultdict(dict)
    at_first = [row for row in rows if (row.case.batch_size, row.case.samples) in first_sizes]
    tried: dict[str, set[int]] = defaultdict(set)
    for case in (row.case for row in at_first if row.case.device == "cpu"):
        tried[case.implementation].add(case.threads)
    for (name, device, _), row in find_fastest(at_first).items():
        by_name[name][device] = row
    if not any("gpu" in by_device for by_device in by_name.values()):
        return []
    by_crossover = {other.name: other for other in crossovers if len(other.speedups) > 1}
    comparisons = []
    for name, by_device in by_name.items():
        ranked = {device: row for device, row in by_device.items() if row.ranked}
        cpu, gpu = ranked.get("cpu"), ranked.get("gpu")
        training = predicting = None
        if cpu and gpu:
            training = compare_epochs(cpu, gpu)
            predicting = compare_rounds(cpu.prediction.by_round, gpu.prediction.by_round)
        if ranked:
            crossover = by_crossover.get(name)
            threads = tuple(sorted(tried[name]))
            comparisons.append(
                DeviceComparison(by_device, training, predicting, crossover, threads)
            )
    return sorted(
        comparisons,
        key=lambda pair: row.typical_seconds if (row := pair.ranked("gpu")) else math.inf,
    )
