"""Remove the machine's speed from the ratios of pairs whose processes ran one after the other.

A kernel, fixed work, is timed before and after each process. Its log ratio within a pair is a
control variate of the pair's log ratio: a slope times it is subtracted. Source of the method: S.
Asmussen and P. W. Glynn, "Stochastic Simulation" (2007), section V.2, Control Variates.

The signed-rank test of one look stays exact. If the versions do not differ, only a coin decided
which process of a pair is the candidate. The other result of the coin would change the sign of both
log ratios of the pair, but not the slope, because it is fitted through the origin. So each adjusted
log ratio is positive or negative with equal probability, as the test requires.
The slope is fitted again at each look, so the level over all looks is approximate; a test simulates
it.
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
