"""What a GPU was like while its trials ran, and what held it back, from their records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from bench.result import Record

# The clocks event reasons of NVML that slow a GPU down; the others (idle, a clock that an
# application or the display asked for, boards in step) do not. Source: nvml.h, "Clocks Event
# Reasons", https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
SLOWDOWNS = {
    0x04: "power cap", 0x08: "hardware slowdown", 0x20: "heat", 0x40: "heat", 0x80: "power brake",
}  # fmt: skip
# What is read before the first timed epoch and after the last; degrees Celsius and MHz.
READINGS = ("celsius", "sm_mhz", "memory_mhz")

Span = tuple[float, float]  # the smallest and the largest


@dataclass(frozen=True, slots=True)
class Share:
    """In how many of the trials that tell something was so."""

    trials: int
    of: int


@dataclass(frozen=True, slots=True)
class GpuTrials:
    """What the good trials on a GPU tell together.

    spans: by the name of a reading with ``_before`` or ``_after``; those that nobody read are
    missing. throttled: by what slowed the GPU down, before or after; empty where nothing did, and
    looked, in how many trials it was seen whether something does. crowded: with another process on
    the GPU. warm_up: seconds of a trial's untimed epochs after its first; None without any.
    """

    spans: Mapping[str, Span]
    looked: int
    throttled: Mapping[str, int]
    crowded: Share
    warm_up: Span | None

    @property
    def clock(self) -> float | None:
        """How much the GPU's clock differs after the epochs: the largest over the least, less 1."""
        least, most = self.spans.get("sm_mhz_after", (0.0, 0.0))
        return most / least - 1 if least else None

    @property
    def slowed(self) -> str:
        """Say what slowed the GPU down, and in how many trials; empty where nothing did."""
        return " and ".join(f"{why} in {each} of {self.looked} trials"
                            for why, each in self.throttled.items())  # fmt: skip


def gpu_trials(records: Iterable[Record]) -> GpuTrials | None:
    """Return what was read in the trials on a GPU that went well; None where there was none."""
    good = [one for one in records
            if one.kind == "trial" and one.status == "ok" and one.case.device == "gpu"]  # fmt: skip
    if not good:
        return None
    masks = [mask for one in good if (mask := _mask(one.device_conditions)) is not None]
    others = _values(good, "other_processes")
    names = [f"{name}_{when}" for name in READINGS for when in ("before", "after")]
    return GpuTrials(
        spans={name: span for name in names if (span := _span(_values(good, name)))},
        looked=len(masks),
        throttled=_counted(masks),
        crowded=Share(sum(each > 0 for each in others), len(others)),
        warm_up=_span([sum(one.warmup_seconds) for one in good if one.warmup_seconds]),
    )


def _mask(conditions: Mapping[str, float | None]) -> int | None:
    """Return every reason of before and after; None where neither was read."""
    read = [conditions.get(f"throttle_{when}") for when in ("before", "after")]
    known = [int(each) for each in read if each is not None]
    return reduce(or_, known) if known else None


def _counted(masks: Iterable[int]) -> dict[str, int]:
    """Count the trials of each reason; one that has two names for heat is one trial."""
    seen = [{why for bit, why in SLOWDOWNS.items() if mask & bit} for mask in masks]
    counts = {why: sum(why in each for each in seen) for why in dict.fromkeys(SLOWDOWNS.values())}
    return {why: count for why, count in counts.items() if count}


def _values(records: Iterable[Record], name: str) -> list[float]:
    found = (record.device_conditions.get(name) for record in records)
    return [value for value in found if value is not None]


def _span(values: Sequence[float]) -> Span | None:
    return (min(values), max(values)) if values else None
