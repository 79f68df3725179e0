"""What pairs tell of one quantity: by how much the candidate differs, and how sure that is.

A pair gives one number, the logarithm of the candidate's value over the base's: what hits both
alike, as a busy neighbour or a slow minute does, is not in it. A coin decided which of the two came
first, so where nothing differs, each number is as likely with the other sign: that is all that the
signed-rank test asks for, however wild the noise is. Wild it is: on a shared machine one pair in
thirty is off by more than a tenth, and a mean and its deviation are lost in that
(docs/calibration.md).
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
from bench.regression.stats.sequential import Looks, nominal, overall


@dataclass(frozen=True, slots=True)
class Difference:
    """The candidate as a multiple of the base, and the one-sided p of no slowdown and no speed-up.

    slower, faster: over all looks together, so that each may be held against a rate of false
    alarms. ratio: the Hodges-Lehmann estimate; its interval leaves out 1 where the p at this look
    is as low as the design asks for, and has no bounds where there are too few pairs for that.
    """

    pairs: int
    ratio: Interval
    slower: float
    faster: float


def difference(logs: Sequence[float], looks: Looks, alpha: float) -> Difference:
    """Tell what the pairs that there are show, at looks of which the last may be now.

    logs: of each pair's ratio, in the order measured. looks: the pairs at every look, planned and
    made; those beyond the pairs that there are have not been made. alpha: the rate of false alarms
    that the interval keeps to on each side.
    Raises ValueError where there is no pair.
    """
    if not logs:
        raise ValueError("no pairs, no difference")
    made = [tested(logs[:count]) for count in looks if count <= len(logs)] or [(1.0, 1.0)]
    slower, faster = (min(1.0, overall(min(side), looks)) for side in zip(*made, strict=True))
    return Difference(len(logs), estimate(logs, nominal(alpha, looks)), slower, faster)


def tested(logs: Sequence[float]) -> tuple[float, float]:
    """One-sided p of no slowdown and of no speed-up at one look: the exact signed-rank test.

    What does not differ at all counts for neither side.
    """
    averages = _averages(logs)
    tail = _upper_tail(len(logs))
    return float(tail[(averages > 0).sum()]), float(tail[(averages < 0).sum()])


def estimate(logs: Sequence[float], level: float) -> Interval:
    """Return the ratio, and the bounds that the one-sided tests at this level leave."""
    averages = np.sort(_averages(logs))
    # As many averages may lie outside on each side as the test at this level can do without.
    outside = int((_upper_tail(len(logs)) <= level).sum())
    centre = math.exp(float(np.median(averages)))
    if outside == 0:
        return Interval(centre)
    low, high = math.exp(averages[outside - 1]), math.exp(averages[-outside])
    return Interval(centre, low, high)


def _averages(logs: Sequence[float]) -> NDArray[np.float64]:
    """Averages of every two numbers, of a number with itself too: n (n + 1) / 2."""
    values = np.asarray(logs, np.float64)
    first, second = np.triu_indices(len(values))
    return (values[first] + values[second]) / 2


@cache
def _upper_tail(count: int) -> NDArray[np.float64]:
    """P(T >= t) for t from 0 to n (n + 1) / 2, where nothing differs: every sign a fair coin's.

    The number of averages above nought is the sum of the ranks of those that are positive.
    """
    chances = np.zeros(count * (count + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, count + 1):
        sums = chances[: rank * (rank + 1) // 2 + 1]  # the ranks so far add up to no more
        sums[rank:] = (sums[rank:] + sums[:-rank]) / 2
        sums[:rank] /= 2
    return np.minimum(1.0, np.cumsum(chances[::-1])[::-1])
