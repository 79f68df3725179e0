"""Estimate from pairs how much a candidate differs from its baseline, with exact signed-rank tests.

A pair gives one number, the logarithm of the candidate's value over the baseline's. Noise that hits
both, such as a busy neighbour, cancels. A coin decides which version is measured first, so without
a difference either sign is equally likely. The signed-rank test assumes nothing else about the
noise, which is heavy-tailed: on a shared machine, one pair in thirty is off by more than a tenth
(results/reference/intel-xeon-2-cores-calibration), too much for a mean and its standard deviation.
Source: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), pp.
80-83; estimate and interval: J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank
tests", Annals of Mathematical Statistics 34 (1963), pp. 598-611.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import Interval
from bench.regression.stats.false_alarms import (
    LookSchedule,
    compute_nominal_level,
    compute_overall_level,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """The candidate's value as a multiple of the baseline's, with one-sided p values.

    ratio: the Hodges-Lehmann estimate. Its interval excludes 1 exactly if p at this look is as low
        as the design asks for, and has no bounds if there are too few pairs for that.
    p_slower, p_faster: of no slowdown and of no speed-up, adjusted for all looks together.
    """

    ratio: Interval
    p_slower: float
    p_faster: float


def compare_pairs(logs: Sequence[float], looks: LookSchedule, alpha: float) -> Difference:
    """Return the difference that the pairs show at the looks so far.

    logs: logarithm of each pair's ratio, in the order measured; one or more. looks: the schedule;
    looks beyond the number of pairs are still to come. alpha: false-alarm rate of each side of the
    interval.
    """
    tests = [compute_p_values(logs[:count]) for count in looks if count <= len(logs)]
    p_slower, p_faster = (
        min(1.0, compute_overall_level(min(values), looks))
        for values in zip(*(tests or [(1.0, 1.0)]), strict=True)
    )
    ratio = compute_ratio(logs, compute_nominal_level(alpha, looks))
    return Difference(ratio, p_slower, p_faster)


def compute_p_values(logs: Sequence[float]) -> tuple[float, float]:
    """Return the one-sided p of no slowdown and of no speed-up, by the exact signed-rank test.

    Zeros count for neither side.
    """
    averages = _walsh_averages(logs)
    tail = _upper_tail(len(logs))
    return float(tail[(averages > 0).sum()]), float(tail[(averages < 0).sum()])


def compute_ratio(logs: Sequence[float], level: float) -> Interval:
    """Return the Hodges-Lehmann ratio with bounds from the one-sided tests at this level."""
    averages = np.sort(_walsh_averages(logs))
    # The number of averages outside each bound: the rank sums that the test does not reject.
    outside = int((_upper_tail(len(logs)) <= level).sum())
    centre = math.exp(float(np.median(averages)))
    if outside == 0:
        return Interval(centre)
    low, high = math.exp(averages[outside - 1]), math.exp(averages[-outside])
    return Interval(centre, low, high)


def _walsh_averages(logs: Sequence[float]) -> NDArray[np.float64]:
    """Return the n (n + 1) / 2 averages of every two numbers, each with itself included."""
    values = np.asarray(logs, np.float64)
    first, second = np.triu_indices(len(values))
    return (values[first] + values[second]) / 2


@cache
def _upper_tail(count: int) -> NDArray[np.float64]:
    """Return P(T >= t) for t from 0 to n (n + 1) / 2, where every sign is a fair coin.

    T, the number of positive Walsh averages, is the sum of the ranks of the positive numbers.
    """
    chances = np.zeros(count * (count + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, count + 1):
        sums = chances[: rank * (rank + 1) // 2 + 1]  # the largest sum of the ranks so far
        sums[rank:] = (sums[rank:] + sums[:-rank]) / 2
        sums[:rank] /= 2
    return np.minimum(1.0, np.cumsum(chances[::-1])[::-1])
