"""Each implementation on the CPU and on the GPU, at the size that the tables compare."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.contract import Device
from bench.crossover import Crossover
from bench.intervals import Interval
from bench.ranking import quotient, ratio
from bench.scaling import Scaling, most_threads
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Devices:
    """One implementation at a workload's first size; it is ranked on one device at least.

    rows: what was tried, ranked or not, by device. training, predicting: CPU time over GPU time of
    an epoch and of a prediction, round by round; None where a device has none. overheads: of an
    epoch on each device, the share that its steps cost whatever their size: the steps times what
    one costs by the model of the sweep. crossover: of the sweep, None without one.
    """

    rows: Mapping[Device, Row]
    training: Interval | None
    predicting: Interval | None
    overheads: Mapping[Device, Interval]
    crossover: Crossover | None

    def ranked(self, device: Device) -> Row | None:
        """Return the row of a device where it may be compared."""
        row = self.rows.get(device)
        return row if row and row.ranked else None


def devices(
    rows: Iterable[Row],
    workload: str,
    grown: Sequence[Scaling] = (),
    crossed: Sequence[Crossover] = (),
) -> list[Devices]:
    """Return the implementations of a workload, the fastest on a GPU first; none without a GPU.

    grown, crossed: what a sweep tells of the same workload.
    """
    found: dict[str, dict[Device, Row]] = defaultdict(dict)
    for row in rows:
        if row.case.workload == workload and not row.swept:
            found[row.case.implementation][row.case.device] = row
    if not any("gpu" in its for its in found.values()):
        return []
    crossings = {each.name: each for each in crossed if len(each.speedups) > 1}
    compared = [_devices(its, grown, crossings.get(name)) for name, its in found.items()
                if any(row.ranked for row in its.values())]  # fmt: skip
    return sorted(compared, key=_gpu_seconds)


def _devices(
    rows: Mapping[Device, Row], grown: Sequence[Scaling], crossover: Crossover | None
) -> Devices:
    ranked = {device: row for device, row in rows.items() if row.ranked}
    cpu, gpu = ranked.get("cpu"), ranked.get("gpu")
    shares = {device: _overhead(row, grown) for device, row in rows.items()}
    return Devices(
        rows,
        training=ratio(cpu, gpu) if cpu and gpu else None,
        predicting=quotient(cpu.predicts_by_round, gpu.predicts_by_round) if cpu and gpu else None,
        overheads={device: share for device, share in shares.items() if share},
        crossover=crossover,
    )


def _overhead(row: Row, grown: Iterable[Scaling]) -> Interval | None:
    """Return the steps' share of an epoch; None where the row has no time, or no model fits it."""
    known = [each for each in grown if any(row is one for one in each.rows)]
    if not known or row.epoch is None or row.case.threads != most_threads(known[0].rows):
        return None
    step = known[0].cost.step if known[0].cost else None
    if step is None:
        return None
    steps, seconds = row.case.samples // row.case.batch_size, row.epoch.mean
    low, high = (None if each is None else each * steps / seconds for each in (step.low, step.high))
    return Interval(step.mean * steps / seconds, low, high)


def _gpu_seconds(found: Devices) -> float:
    row = found.ranked("gpu")
    return row.epoch.mean if row and row.epoch else math.inf
