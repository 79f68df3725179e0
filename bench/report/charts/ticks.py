"""Where a logarithmic axis has its ticks: few, and at numbers that people count in."""

import math
from collections.abc import Iterable
from typing import Any

_STEPS = {True: (1, 2, 5), False: (1,)}  # within a decade and a half, and beyond


def axis(values: Iterable[float | None]) -> dict[str, Any]:
    """Return what an Altair axis over some values takes: its ticks, or that it chooses.

    Without them an axis has a line for each of 1 to 9, most of a small chart's file.
    """
    found = logarithmic(values)
    return {"values": found} if len(found) > 1 else {"tickCount": 4}


def logarithmic(values: Iterable[float | None]) -> list[float]:
    """Return ticks over the positive ones of some values: 1, 2 and 5, or powers of ten alone."""
    there = [value for value in values if value is not None and 0 < value < math.inf]
    if not there:
        return []
    low, high = min(there), max(there)
    steps = _STEPS[high / low < 10**1.5]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    # A little beyond what is shown, because an axis has some room at its ends.
    return [
        tick for decade in decades for step in steps
        if low / 1.3 <= (tick := float(f"{step}e{decade}")) <= high * 1.3
    ]  # fmt: skip
