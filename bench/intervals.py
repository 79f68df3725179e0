"""Intervals of positive values: what a mean of a few processes says about all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

_LARGEST = 700.0  # the logarithm of a number, nearly; of its inverse as well


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or what a fit found, and its interval; low and high are None where there is none."""

    mean: float
    low: float | None = None
    high: float | None = None

    def under(self, value: float) -> "Interval":
        """Return so much over this: what was the lower bound gives the upper one."""
        bounds = (None if one is None else value / one for one in (self.high, self.low))
        return Interval(value / self.mean, *bounds)


def interval(values: Sequence[float], first: int | None = None) -> Interval:
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
    return _about(centre, _half_width(logs[:first], len(logs)))


def independent(ones: Sequence[float], others: Sequence[float]) -> Interval:
    """Ratio of the geometric means of two samples that share nothing, at 95 %.

    Neither their spreads nor their sizes need be equal: Student's t of the difference of the
    logarithms' means, with Welch's degrees of freedom. No bounds where a sample is of one value.
    Source: B. L. Welch, "The generalization of 'Student's' problem when several different
    population variances are involved", Biometrika 34 (1947), pp. 28-35; the degrees of freedom
    are those of F. E. Satterthwaite, Biometrics Bulletin 2 (1946), pp. 110-114:

        (v + w)² / (v² / (m - 1) + w² / (n - 1)), v and w the squared standard errors.

    Raises ValueError where a sample is empty, or a value is not positive.
    """
    if not ones or not others:
        raise ValueError("no values, no ratio")
    samples = [[math.log(value) for value in values] for values in (ones, others)]
    centre = fmean(samples[0]) - fmean(samples[1])
    if min(map(len, samples)) == 1:
        return Interval(math.exp(centre))
    errors = [_variance(logs) / len(logs) for logs in samples]
    error = math.fsum(errors)
    if not error:
        return _about(centre, 0.0)
    shares = ((its / error) ** 2 / (len(logs) - 1)
              for its, logs in zip(errors, samples, strict=True))  # fmt: skip
    return _about(centre, student(1 / math.fsum(shares)) * math.sqrt(error))


def _about(centre: float, half: float) -> Interval:
    """Return the interval of so much about a logarithm; without bounds that are no numbers."""
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


def _half_width(spread: Sequence[float], count: int) -> float:
    """Half the t interval of a mean of ``count`` values whose spread is that of some of them."""
    if len(spread) < 2:
        raise ValueError("one value has no spread")
    return student(len(spread) - 1) * math.sqrt(_variance(spread) / count)


def _variance(values: Sequence[float]) -> float:
    # Not statistics.variance, whose exact fractions take a report of many trials most of its time.
    centre = fmean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


@cache
def student(freedom: float) -> float:
    """Return half the width of a 95 % interval in standard errors: Student's t at 0.975."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf is, without half a second's import

    return float(stdtrit(freedom, 0.975))
