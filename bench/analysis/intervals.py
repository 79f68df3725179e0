"""Confidence intervals of the typical value, and of the ratio of two.

The typical value is the median of the population: half of all processes of a program, run on this
machine in these minutes, take longer. A mean would belong to no process, and a busy neighbour moves
it: among the processes of one program a few take twice as long as the others.

``docs/studies/simulate.py`` counts how often these intervals hold, on noise from published runs;
docs/studies/intervals.csv has its table.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TypeVar

MAX_LOG = 700.0  # math.exp overflows at about 709
# Bounds further beyond the values than ten times say nothing: two processes that differ by a third.
MAX_MARGIN = math.log(10)
# How often an interval may miss the typical value.
MISSED = 0.05

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; low and high are None if unknown.

    mean: the estimate, which is the median where ``estimate_typical`` made it.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    def __truediv__(self, value: float) -> "Interval":
        """Divide this by a positive value."""
        return Interval(
            self.mean / value,
            None if self.low is None else self.low / value,
            None if self.high is None else self.high / value,
        )

    def __rtruediv__(self, value: float) -> "Interval":
        """Divide a positive value by this: the bounds swap."""
        return Interval(
            value / self.mean,
            None if self.high is None else value / self.high,
            None if self.low is None else value / self.low,
        )

    def excludes(self, value: float) -> bool:
        """Return whether the interval has bounds and lies above or below the value."""
        if self.low is None or self.high is None:
            return False
        return self.low > value or self.high < value

    def is_within(self, share: float) -> bool:
        """Return whether both bounds exist and differ from the mean by at most this factor."""
        if self.low is None or self.high is None:
            return False
        return max(self.high / self.mean, self.mean / self.low) <= 1 + share


def estimate_typical(values: Sequence[float]) -> Interval:
    """Return the median of positive values, with a 95 % interval of their population's median.

    From six values on, the interval lies between two of the sorted values. It holds the median of
    any population at least 95 % of the time, because it misses only if too many of the values lie
    on one side of the median, as tosses of a coin do. The range of five values holds it 93.75 % of
    the time; of fewer values, less often. That range is stretched on the logarithms (``stretch``).

    A single value gives no interval, nor do few values that are far apart: bounds would lie further
    beyond them than MAX_MARGIN. Raises ValueError if there is no value or one is not positive.
    """
    if not values:
        raise ValueError("no values, no interval")
    ordered = sorted(values)
    logs = [math.log(value) for value in ordered]
    below, above = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    centre = below if below == above else math.sqrt(below) * math.sqrt(above)
    if len(ordered) == 1:
        return Interval(centre)
    low, high = find_range(ordered)
    margin = stretch(len(ordered)) * (math.log(high) - math.log(low))
    if margin > min(MAX_MARGIN, MAX_LOG - max(map(abs, logs))):
        return Interval(centre)
    return Interval(centre, low * math.exp(-margin), high * math.exp(margin))


def estimate_difference(values: Sequence[float]) -> Interval:
    """Return the median of differences, with a 95 % interval of their population's median.

    As ``estimate_typical``, but differences may be negative, so few values are stretched as they
    are and not on logarithms. A single value gives no interval. Raises ValueError without a value.
    """
    if not values:
        raise ValueError("no values, no interval")
    ordered = sorted(values)
    if len(ordered) == 1:
        return Interval(ordered[0])
    low, high = find_range(ordered)
    margin = stretch(len(ordered)) * (high - low)
    return Interval(median(ordered), low - margin, high + margin)


def find_range(ordered: Sequence[float]) -> tuple[float, float]:
    """Return the two of sorted values between which the interval lies, before it is stretched."""
    outside = count_outside(len(ordered))
    return ordered[outside], ordered[-1 - outside]


@cache
def count_outside(count: int) -> int:
    """Return how many of this many sorted values lie beyond each bound of the interval."""
    outside = 0
    while compute_sign_p(outside, count) <= MISSED:
        outside += 1
    return max(0, outside - 1)


@cache
def stretch(count: int) -> float:
    """Return the share of the range by which the interval of few values reaches beyond it.

    Nothing from six values on. With fewer, the range misses the median with probability
    2 ** (1 - n). Given that all lie above it, at distances that are uniform from 0 on, the nearest
    is further than the share e of the range with probability (1 + e) ** (1 - n): e is chosen so
    that the product is 5 %. Most noise is denser near its median than that, and is missed less.
    """
    return float(max(0.0, (2.0 ** (1 - count) / MISSED) ** (1 / (count - 1)) - 1))


@cache
def compute_sign_p(fewer: int, count: int) -> float:
    """Return the two-sided p of the sign test: at most ``fewer`` of ``count`` on one side."""
    return min(1.0, 2 * sum(math.comb(count, number) for number in range(fewer + 1)) / (1 << count))


def estimate_ratio(sample: Sequence[float], base: Sequence[float]) -> Interval:
    """Return the ratio of the typical values of two independent samples.

    Each bound combines the distances, on the logarithms, of the samples' own bounds from their
    medians. Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect
    measures: a general approach", Statistics in Medicine 27 (2008), pp. 1693-1702. No bounds if a
    sample has none. Raises ValueError as ``estimate_typical`` does.
    """
    above, below = estimate_typical(sample), estimate_typical(base)
    ratio = above.mean / below.mean
    if above.low is None or above.high is None or below.low is None or below.high is None:
        return Interval(ratio)
    low = math.hypot(math.log(above.mean / above.low), math.log(below.high / below.mean))
    high = math.hypot(math.log(above.high / above.mean), math.log(below.mean / below.low))
    if max(low, high) + abs(math.log(ratio)) > MAX_LOG:
        return Interval(ratio)
    return Interval(ratio, ratio * math.exp(-low), ratio * math.exp(high))


def adjust_holm(values: Mapping[Key, float], family: int) -> dict[Key, float]:
    """Adjust p values so that each can be compared with the rate of the whole family.

    family: number of tests, with those whose p is not known yet and counts as 1. Source: S. Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), pp. 65-70.
    """
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for position, key in enumerate(sorted(values, key=values.__getitem__)):
        largest = max(largest, min(1.0, (family - position) * values[key]))
        adjusted[key] = largest
    return adjusted


@cache
def compute_t_quantile(freedom: float, family: int = 1) -> float:
    """Return half the width of a 95 % interval in standard errors: Student's t at 0.975.

    family: number of intervals that hold at once with this certainty (Bonferroni).
    """
    from scipy.special import stdtrit  # scipy.stats, whose t.ppf this is, takes 0.5 s to import

    return float(-stdtrit(freedom, MISSED / 2 / family))
