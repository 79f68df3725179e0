"""Intervals of positive values: what a mean of a few processes says about all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

CONFIDENCE = 0.95
_LARGEST = 700.0  # the logarithm of a number, nearly; of its inverse as well


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or what a fit found, and its interval; low and high are None where there is none."""

    mean: float
    low: float | None = None
    high: float | None = None


def interval(
    values: Sequence[float], first: int | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """Geometric mean of positive values, with the t interval of their logarithms, at 95 %.

    first: how many values the first of Stein's two stages had; the spread is then theirs alone,
    because the number of all values was fixed by it (``rounds_needed``). None: one stage.
    It has no bounds where they would be no numbers. Raises ValueError where there is no value, or
    one that is not positive.
    """
    if not values:
        raise ValueError("no values, no interval")
    logs = [math.log(value) for value in values]
    centre = fmean(logs)
    if len(logs) == 1:
        return Interval(math.exp(centre))
    half = _half_width(logs[:first], len(logs), confidence)
    if abs(centre) + half > _LARGEST:
        return Interval(math.exp(centre))
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def rounds_needed(first: Sequence[float], precision: float) -> int:
    """How many values give an interval of mean times or divided by ``1 + precision`` at most.

    Stein's two stages: the spread of the first values fixes the number of all of them, at least
    those; the interval that uses this spread then covers as often as it says, whatever the true
    spread is. Stopping as soon as an interval looks narrow does not.
    Source: C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the
    variance", Annals of Mathematical Statistics 16 (1945), pp. 243-258.
    Raises ValueError for fewer than two values.
    """
    logs = [math.log(value) for value in first]
    wanted = _half_width(logs, 1) / math.log1p(precision)
    return max(len(logs), math.ceil(wanted**2))


def _half_width(spread: Sequence[float], count: int, confidence: float = CONFIDENCE) -> float:
    """Half the t interval of a mean of ``count`` values whose spread is that of some of them."""
    if len(spread) < 2:
        raise ValueError("one value has no spread")
    centre, freedom = fmean(spread), len(spread) - 1
    # Not statistics.stdev, whose exact fractions take a report of many trials most of its time.
    variance = math.fsum((value - centre) ** 2 for value in spread) / freedom
    return student(freedom, confidence) * math.sqrt(variance / count)


@cache
def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Half the width of an interval in standard errors: of 95 %, Student's t at quantile 0.975."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf is, without half a second's import

    return float(stdtrit(freedom, (1 + confidence) / 2))
