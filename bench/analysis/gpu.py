"""Each implementation on the CPU and on the GPU."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.crossover import Crossover
from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs, compare_rounds
from bench.analysis.summary import Row
from bench.contract import Device


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """One implementation on both devices at a workload's first size; ranked on at least one.

    rows: by device, ranked or not. training, predicting: CPU time over GPU time of an epoch and of
    a prediction, paired by round; None unless both devices have one. crossover: of the sweep, or
    None.
    """

    rows: Mapping[Device, Row]
    training: Interval | None
    predicting: Interval | None
    crossover: Crossover | None

    def ranked(self, device: Device) -> Row | None:
        """Return the row of a device if it is ranked."""
        row = self.rows.get(device)
        return row if row and row.ranked else None


def compare_devices(
    rows: Iterable[Row], workload: str, crossovers: Sequence[Crossover] = ()
) -> list[DeviceComparison]:
    """Compare the implementations of a workload, the fastest on the GPU first.

    Returns nothing if no row is of a GPU. crossovers: of a sweep of the same workload.
    """
    by_name: dict[str, dict[Device, Row]] = defaultdict(dict)
    for row in rows:
        if row.case.workload == workload and not row.swept:
            by_name[row.case.implementation][row.case.device] = row
    if not any("gpu" in by_device for by_device in by_name.values()):
        return []
    by_crossover = {each.name: each for each in crossovers if len(each.speedups) > 1}
    comparisons = []
    for name, by_device in by_name.items():
        ranked = {device: row for device, row in by_device.items() if row.ranked}
        cpu, gpu = ranked.get("cpu"), ranked.get("gpu")
        training = predicting = None
        if cpu and gpu:
            training = compare_epochs(cpu, gpu)
            predicting = compare_rounds(cpu.predicts_by_round, gpu.predicts_by_round)
        if ranked:
            crossover = by_crossover.get(name)
            comparisons.append(DeviceComparison(by_device, training, predicting, crossover))

    def gpu_seconds(comparison: DeviceComparison) -> float:
        row = comparison.ranked("gpu")
        return row.epoch.mean if row and row.epoch else math.inf

    return sorted(comparisons, key=gpu_seconds)
