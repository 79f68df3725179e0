"""How often the gate is wrong, and what it sees: decisions made from pairs that were measured."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.regression.stats.decision import Rule, verdict
from bench.regression.stats.sequential import Looks, nominal, planned
from bench.regression.stats.signed_rank import difference, estimate

# Draws of pairs: so many that a share of 95 % is known to within one or two points.
DRAWS = 1000
SEED = 1
# How often the smallest slowdown that is quoted is found.
POWER = 0.95


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of so many decisions, with the Wilson interval of their share at 95 %.

    blocks: how many of them share no pair: so many independent ones stand behind the count.
    """

    count: int
    of: int
    blocks: int

    @property
    def share(self) -> tuple[float, float, float]:
        """Share, lower and upper bound."""
        return (self.count / self.of, *wilson(self.count, self.of))


def wilson(count: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the interval of a share by its score test.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), pp. 209-212.
    """
    share, weight = count / of, z * z / of
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / of + weight / of / 4) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def slower(logs: Sequence[float], looks: Looks, rule: Rule) -> bool:
    """Tell whether the gate, looking as planned, calls a slowdown at some look."""
    for count in (each for each in looks if each <= len(logs)):
        found = difference(list(logs[:count]), looks, rule.share)
        p = (rule.family * found.slower, rule.family * found.faster)
        if (said := verdict(found, rule, *p)) != "undecided":
            return said == "slower"
    return False


def disjoint(logs: Sequence[float], pairs: int, rule: Rule) -> Counted:
    """Count the slowdowns that are called in decisions of so many pairs, none used twice."""
    looks = planned(pairs)
    windows = [logs[at : at + pairs] for at in range(0, len(logs) - pairs + 1, pairs)]
    return Counted(sum(slower(each, looks, rule) for each in windows), len(windows), len(windows))


def drawn(
    logs: Sequence[float], pairs: int, rule: Rule, draws: int = DRAWS, *, swap: bool
) -> Counted:
    """Count the slowdowns that are called in stretches of so many pairs, which overlap.

    swap: which of the two versions was called the candidate is decided anew by a coin for every
    pair, as it may be where they are the same.
    """
    looks = planned(pairs)
    found = sum(
        slower(each.tolist(), looks, rule) for each in _stretches(logs, pairs, draws, swap=swap)
    )
    return Counted(found, draws, len(logs) // pairs)


def smallest(logs: Sequence[float], pairs: int, rule: Rule, draws: int = DRAWS) -> float:
    """Return the slowdown that so many pairs find 95 % of the time, from pairs of one version.

    A slowdown adds its logarithm to every pair; the least that a draw would have called is read
    off its interval, and that of all draws is a quantile of these.
    """
    looks = planned(pairs)
    found = [least_found(each.tolist(), looks, rule) for each in _resampled(logs, pairs, draws)]
    return math.expm1(float(np.quantile(found, POWER, method="higher")))


def least_found(logs: Sequence[float], looks: Looks, rule: Rule) -> float:
    """Return the least logarithm that has to be added to every pair for a slowdown to be called."""
    level, margin = nominal(rule.share, looks), math.log1p(rule.tolerance)
    found = math.inf
    for count in looks:
        ratio = estimate(logs[:count], level)
        if ratio.low is not None:
            found = min(found, max(-math.log(ratio.low), margin - math.log(ratio.mean)))
    return found


def _stretches(
    logs: Sequence[float], pairs: int, draws: int, *, swap: bool
) -> Iterator[NDArray[np.float64]]:
    draw, values = np.random.default_rng(SEED), np.asarray(logs)
    for _ in range(draws):
        at = draw.integers(len(values) - pairs + 1)
        signs = draw.choice((-1, 1), pairs) if swap else 1
        yield values[at : at + pairs] * signs


def _resampled(logs: Sequence[float], pairs: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """Draw pairs at random, with either sign: what is the same has no direction."""
    draw, values = np.random.default_rng(SEED), np.asarray(logs)
    for _ in range(draws):
        yield draw.choice(values, pairs) * draw.choice((-1, 1), pairs)
