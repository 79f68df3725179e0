"""Planned looks at the pairs, and one false-alarm rate for all of them together.

Pocock's design: at every look the same nominal level, lower than the rate that all looks together
may have. It finds a large slowdown at an early look, for a little power at the last; the design of
O'Brien and Fleming keeps nearly all of its rate for the last look, and would measure for three
minutes what half a minute shows.
Sources: S. J. Pocock, "Group sequential methods in the design and analysis of clinical trials",
Biometrika 64 (1977), pp. 191-199; the recursion is that of P. Armitage, C. K. McPherson and B. C.
Rowe, "Repeated significance tests on accumulating data", Journal of the Royal Statistical Society A
132 (1969), pp. 235-244.
"""

import math
from functools import cache
from itertools import pairwise

# Of all pairs: of three minutes, half a minute, a minute, and all of it.
SHARES = (1 / 6, 1 / 3, 1.0)
# So many pairs can refute one thing at 1 % in three looks: 2 ** -10 is the least p of a sign test.
LEAST = 10
# Nodes of a quadrature, and how far below nothing it begins, in standard deviations.
NODES, FAR = 80, 8.0

Looks = tuple[int, ...]


def planned(pairs: int) -> Looks:
    """Return after how many pairs to look, when there will be so many; the last look is at all."""
    early = (max(LEAST, math.ceil(share * pairs)) for share in SHARES)
    return tuple(sorted({min(pairs, count) for count in early}))


@cache
def overall(nominal: float, looks: Looks) -> float:
    """Chance that some look has a one-sided p of ``nominal`` or less where nothing differs.

    The sum of the differences is a random walk with a normal step from look to look; what has not
    crossed the boundary is carried on as its density at the nodes of a quadrature.
    """
    import numpy as np
    from scipy.stats import norm

    if nominal >= 0.5:
        return 1.0
    if nominal == 0:
        return 0.0  # the least p of 1,075 pairs is less than a float holds
    critical = float(norm.isf(nominal))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    def reached(pairs: int) -> tuple["np.ndarray", "np.ndarray"]:
        """Sums that may go on after so many pairs, and their weights."""
        deviation = math.sqrt(pairs)
        half = (critical + FAR) * deviation / 2
        return half * (nodes + 1) - FAR * deviation, half * weights

    sums, weight = reached(looks[0])
    density = norm.pdf(sums, scale=math.sqrt(looks[0]))
    crossed = nominal
    for before, after in pairwise(looks):
        step = math.sqrt(after - before)
        boundary = critical * math.sqrt(after)
        crossed += float(np.sum(weight * density * norm.sf((boundary - sums) / step)))
        onward, onward_weight = reached(after)
        density = norm.pdf(onward[:, None], sums, step) @ (weight * density)
        sums, weight = onward, onward_weight
    return crossed


@cache
def nominal(alpha: float, looks: Looks) -> float:
    """Return the level of each look at which all together have the rate ``alpha``."""
    from scipy.optimize import brentq

    low, high = alpha / len(looks) / 2, min(alpha, 0.5)
    if len(looks) == 1:
        return alpha
    return float(brentq(lambda level: overall(level, looks) - alpha, low, high, xtol=1e-12))
