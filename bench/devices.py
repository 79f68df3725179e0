"""Each implementation on the CPU and on the GPU, at the size that the tables compare."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.contract import Device
from bench.crossover import Crossover
from bench.intervals import Interval
from bench.ranking import quotient, ratio
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Devices:
    """One implementation at a workload's first size; it is ranked on one device at least.

    rows: what was tried, ranked or not, by device. training, predicting: CPU time over GPU time of
    an epoch and of a prediction, round by round; None where a device has none. crossover: of the
    sweep, None without one.
    """

    rows: Mapping[Device, Row]
    training: Interval | None
    predicting: Interval | None
    crossover: Crossover | None

    def ranked(self, device: Device) -> Row | None:
        """Return the row of a device where it may be compared."""
        row = self.rows.get(device)
        return row if row and row.ranked else None


def devices(rows: Iterable[Row], workload: str, crossed: Sequence[Crossover] = ()) -> list[Devices]:
    """Return the implementations of a workload, the fastest on a GPU first; none without a GPU.

    crossed: the crossovers of a sweep of the same workload.
    """
    found: dict[str, dict[Device, Row]] = defaultdict(dict)
    for row in rows:
        if row.case.workload == workload and not row.swept:
            found[row.case.implementation][row.case.device] = row
    if not any("gpu" in its for its in found.values()):
        return []
    crossings = {each.name: each for each in crossed if len(each.speedups) > 1}
    compared = [_devices(its, crossings.get(name)) for name, its in found.items()
                if any(row.ranked for row in its.values())]  # fmt: skip
    return sorted(compared, key=_gpu_seconds)


def _devices(rows: Mapping[Device, Row], crossover: Crossover | None) -> Devices:
    ranked = {device: row for device, row in rows.items() if row.ranked}
    cpu, gpu = ranked.get("cpu"), ranked.get("gpu")
    return Devices(
        rows,
        training=ratio(cpu, gpu) if cpu and gpu else None,
        predicting=quotient(cpu.predicts_by_round, gpu.predicts_by_round) if cpu and gpu else None,
        crossover=crossover,
    )


def _gpu_seconds(found: Devices) -> float:
    row = found.ranked("gpu")
    return row.epoch.mean if row and row.epoch else math.inf
