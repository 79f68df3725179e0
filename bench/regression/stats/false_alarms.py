"""Limit the false-alarm rate of a whole comparison, over all looks, cases and metrics.

Over looks by Pocock's design: every look has the same nominal level, which is lower than the
overall rate. It finds a large slowdown at an early look and loses little power at the last one. The
design of O'Brien and Fleming keeps nearly all of its rate for the last look: it would measure three
minutes for what half a minute shows. Over cases and metrics by Holm's procedure
(bench/analysis/intervals.py).
Sources: S. J. Pocock, "Group sequential methods in the design and analysis of clinical trials",
Biometrika 64 (1977), pp. 191-199; the recursion is that of P. Armitage, C. K. McPherson and B. C.
Rowe, "Repeated significance tests on accumulating data", Journal of the Royal Statistical Society A
132 (1969), pp. 235-244.
"""

import math
from functools import cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

# The probability that a whole comparison calls any case slower if nothing differs; of faster the
# same.
ALPHA = 0.01
# Nodes of the quadrature, and its lower end below 0 in standard deviations.
NODES, LOWER_END = 80, 8.0
LEVEL_TOLERANCE = 1e-12  # of a nominal level

Densities = NDArray[np.float64]
# The exact test of n pairs takes n ** 3 steps.
MAX_PAIRS = 2000
LookSchedule = tuple[int, ...]  # numbers of pairs, ascending


def count_fewest_pairs(alpha: float) -> int:
    """Return how many unanimous pairs reject a hypothesis at this level in one look.

    The smallest p of n pairs is 2 ** -n.
    """
    return math.ceil(-math.log2(alpha))


def schedule_looks(pairs: int, alpha: float = ALPHA) -> LookSchedule:
    """Return after which pairs to look if there is time for this many; the last look is at all.

    The first look is at the fewest pairs that reject although one small difference among them has
    the other sign: 10 at 1 %. With one pair fewer, a single burst of noise would hide a slowdown of
    5 %. The second look is at a third of all pairs. A look at hardly more pairs than the one before
    costs more than it finds.
    """
    pairs = min(pairs, MAX_PAIRS)
    # Two or three looks have nominal levels of about 0.37 alpha, and three of the 2 ** n sign
    # patterns have a rank sum of at most 2.
    first = math.ceil(math.log2(8 / alpha))
    if pairs < 2 * first:
        return (pairs,)
    third = math.ceil(pairs / 3)
    return (first, pairs) if third < 2 * first else (first, third, pairs)


@cache
def compute_overall_level(nominal: float, looks: LookSchedule) -> float:
    """Return the probability that any look has a one-sided p <= nominal if nothing differs.

    The sum of the differences is a random walk with a normal step between looks. The density of
    the walks that have not crossed the boundary is integrated at the nodes of a quadrature.
    """
    if len(looks) == 1:
        return nominal
    if nominal >= 0.5:
        return 1.0
    if nominal == 0:
        return 0.0  # the smallest p of 1,075 pairs underflows
    critical = -NormalDist().inv_cdf(nominal)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    def continuing(pairs: int) -> tuple[Densities, Densities]:
        """Return the sums that go on after this many pairs, and their weights."""
        deviation = math.sqrt(pairs)
        half = (critical + LOWER_END) * deviation / 2
        return half * (nodes + 1) - LOWER_END * deviation, half * weights

    sums, weight = continuing(looks[0])
    density = _compute_density(sums, math.sqrt(looks[0]))
    crossed = nominal
    for before, after in pairwise(looks):
        step = math.sqrt(after - before)
        boundary = critical * math.sqrt(after)
        beyond = [math.erfc(z) / 2 for z in (boundary - sums) / step / math.sqrt(2)]
        crossed += float(np.sum(weight * density * beyond))
        next_sums, next_weight = continuing(after)
        density = _compute_density(next_sums[:, None] - sums, step) @ (weight * density)
        sums, weight = next_sums, next_weight
    return crossed


@cache
def compute_nominal_level(alpha: float, looks: LookSchedule) -> float:
    """Return the level of each look for which all looks together have the rate ``alpha``."""
    if len(looks) == 1:
        return alpha
    low, high = alpha / len(looks) / 2, min(alpha, 0.5)
    while high - low > LEVEL_TOLERANCE:
        middle = (low + high) / 2
        if compute_overall_level(middle, looks) < alpha:
            low = middle
        else:
            high = middle
    return high


def _compute_density(values: Densities, deviation: float) -> Densities:
    """Return the density of a normal distribution around 0 at some values."""
    density: Densities = np.exp(-((values / deviation) ** 2) / 2) / (
        deviation * math.sqrt(2 * math.pi)
    )
    return density
