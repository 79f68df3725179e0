"""Confidence intervals of positive values, computed on their logarithms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

MAX_LOG = 700.0  # math.exp overflows at about 709


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean or a fitted value with its 95 % interval; low and high are None if unknown."""

    mean: float
    low: float | None = None
    high: float | None = None

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


def estimate_mean(values: Sequence[float]) -> Interval:
    """Return the geometric mean of positive values, with the t interval of their logarithms.

    A single value, or bounds beyond the range of floats, give no interval. Raises ValueError if
    there is no value or a value is not positive.
    """
    if not values:
        raise ValueError("no values, no interval")
    logs = [math.log(value) for value in values]
    if len(logs) == 1:
        return Interval(math.exp(logs[0]))
    half_width = compute_t_quantile(len(logs) - 1) * math.sqrt(_variance(logs) / len(logs))
    return _exponentiate(fmean(logs), half_width)


def estimate_ratio(sample: Sequence[float], base: Sequence[float]) -> Interval:
    """Return the ratio of the geometric means of two independent samples, with Welch's interval.

    No bounds if a sample has one value. Source: B. L. Welch, "The generalization of 'Student's'
    problem when several different population variances are involved", Biometrika 34 (1947),
    pp. 28-35. Raises ValueError if a sample is empty or a value is not positive.
    """
    if not sample or not base:
        raise ValueError("no values, no ratio")
    logs = [[math.log(value) for value in values] for values in (sample, base)]
    difference = fmean(logs[0]) - fmean(logs[1])
    if min(map(len, logs)) == 1:
        return Interval(math.exp(difference))
    # Squared standard errors; Satterthwaite's degrees of freedom.
    errors = [_variance(values) / len(values) for values in logs]
    if not sum(errors):
        return _exponentiate(difference, 0.0)
    freedom = sum(errors) ** 2 / sum(
        error**2 / (len(values) - 1) for error, values in zip(errors, logs, strict=True)
    )
    return _exponentiate(difference, compute_t_quantile(freedom) * math.sqrt(sum(errors)))


def _variance(values: Sequence[float]) -> float:
    # Correctly rounded sums give the same digits in a report on every CPU. statistics.variance does
    # too, but is slow.
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _exponentiate(centre: float, half_width: float) -> Interval:
    if abs(centre) + half_width > MAX_LOG:
        return Interval(math.exp(centre))
    return Interval(math.exp(centre), math.exp(centre - half_width), math.exp(centre + half_width))


@cache
def compute_t_quantile(freedom: float) -> float:
    """Return half the width of a 95 % interval in standard errors: Student's t at 0.975."""
    from scipy.special import stdtrit  # scipy.stats, whose t.ppf this is, takes 0.5 s to import

    return float(stdtrit(freedom, 0.975))
