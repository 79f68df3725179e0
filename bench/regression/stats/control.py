"""Remove the machine's speed from the ratios of pairs whose processes ran one after the other.

A kernel, fixed work, is timed before and after each process. Its log ratio within a pair is a
control variate of the pair's log ratio: a slope times it is subtracted. Source of the method: S.
Asmussen and P. W. Glynn, "Stochastic Simulation" (2007), section V.2, Control Variates.

The test of the pairs stays exact. Without a difference between the versions, a coin has decided
which side of a pair is which; had it fallen the other way, both log ratios of the pair would have
the other sign. The slope is fitted through the origin, so it would be the same. All that is left of
a coin's fall is the sign of each adjusted log ratio, as in the signed-rank test without a control.
That is each look by itself. The slope is fitted anew at each look, so the level of all looks
together is an approximation, which a test simulates.
"""

from collections.abc import Sequence


def remove_speed(logs: Sequence[float], speeds: Sequence[float]) -> list[float]:
    """Return log ratios of pairs without what the machine's speed explains.

    logs: log ratio of the candidate to the baseline, a pair each. speeds: that of the kernel's time
    around the same processes. The slope is between 0, where the kernel says nothing, and 1, where
    the processes follow it.
    """
    square = sum(speed * speed for speed in speeds)
    product = sum(log * speed for log, speed in zip(logs, speeds, strict=True))
    slope = min(1.0, max(0.0, product / square)) if square else 0.0
    return [log - slope * speed for log, speed in zip(logs, speeds, strict=True)]
