"""Each implementation on the CPU and on the GPU, and what slowed the GPU down meanwhile."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.crossover import Crossover
from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_epochs, compare_rounds
from bench.analysis.summary import Row
from bench.contract import Device
from bench.records.schema import Record, TrialRecord

# The clocks event reasons of NVML that slow a GPU down. The others (idle, clocks set by an
# application or the display, synchronised boards) do not. Source: nvml.h, "Clocks Event Reasons",
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
SLOWDOWNS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "heat",
    0x40: "heat",
    0x80: "power brake",
}
# Read before the first timed epoch and after the last; degrees Celsius and MHz.
READINGS = ("celsius", "sm_mhz", "memory_mhz")

Span = tuple[float, float]  # smallest and largest


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


@dataclass(frozen=True, slots=True)
class TrialCount:
    """The number of trials to which something happened, of those that recorded whether it did."""

    count: int
    total: int


@dataclass(frozen=True, slots=True)
class GpuConditions:
    """The GPU's conditions over the successful trials on it.

    spans: by the name of a reading with ``_before`` or ``_after``, where any trial has it.
    throttle_reads: trials that recorded the throttle reasons. throttled: trials by reason. shared:
    trials with another process on the GPU. warm_up: seconds of a trial's untimed epochs after its
    first; None without any.
    """

    spans: Mapping[str, Span]
    throttle_reads: int
    throttled: Mapping[str, int]
    shared: TrialCount
    warm_up: Span | None

    @property
    def clock(self) -> float | None:
        """Relative difference between the largest and the smallest clock after the epochs."""
        smallest, largest = self.spans.get("sm_mhz_after", (0.0, 0.0))
        return largest / smallest - 1 if smallest else None

    @property
    def throttle_summary(self) -> str:
        """Name what slowed the GPU down and in how many trials; empty if nothing did."""
        return " and ".join(
            f"{reason} in {count} of {self.throttle_reads} trials"
            for reason, count in self.throttled.items()
        )


def summarize_gpu(records: Iterable[Record]) -> GpuConditions | None:
    """Summarize the conditions of the successful trials on a GPU; None if there is none."""
    trials = [
        record
        for record in records
        if isinstance(record, TrialRecord) and record.status == "ok" and record.case.device == "gpu"
    ]
    if not trials:
        return None
    reasons = [_throttle_reasons(trial.device_conditions) for trial in trials]
    read = [names for names in reasons if names is not None]
    counts = Counter(name for names in read for name in names)
    others = _readings(trials, "other_processes")
    spans = {
        name: _span(_readings(trials, name))
        for reading in READINGS
        for name in (f"{reading}_before", f"{reading}_after")
    }
    return GpuConditions(
        spans={name: span for name, span in spans.items() if span},
        throttle_reads=len(read),
        throttled={name: counts[name] for name in SLOWDOWNS.values() if name in counts},
        shared=TrialCount(sum(number > 0 for number in others), len(others)),
        warm_up=_span([sum(trial.warmup_seconds) for trial in trials if trial.warmup_seconds]),
    )


def _throttle_reasons(conditions: Mapping[str, float | None]) -> set[str] | None:
    """Return the slowdowns before or after the epochs; None if neither was read."""
    masks = [conditions.get(f"throttle_{when}") for when in ("before", "after")]
    known = [int(mask) for mask in masks if mask is not None]
    if not known:
        return None
    return {name for bit, name in SLOWDOWNS.items() if any(mask & bit for mask in known)}


def _readings(trials: Iterable[TrialRecord], name: str) -> list[float]:
    readings = (trial.device_conditions.get(name) for trial in trials)
    return [value for value in readings if value is not None]


def _span(values: Sequence[float]) -> Span | None:
    return (min(values), max(values)) if values else None
