"""Slower, faster, no change, or undecided: one rule for pairs and for stored runs."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from bench.regression.stats.sequential import LEAST, SHARES
from bench.regression.stats.signed_rank import Difference

# Of false alarms, in a whole comparison: one in a hundred.
ALPHA = 0.01
# What is smaller is no matter, however sure.
TOLERANCE = 0.02

Verdict = Literal["slower", "faster", "no change", "undecided"]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rule:
    """How large a difference matters, and how often a comparison may raise a false alarm.

    family: how many quantities are judged together; ``alpha`` is for all of them.
    """

    tolerance: float = TOLERANCE
    alpha: float = ALPHA
    family: int = 1

    @property
    def share(self) -> float:
        """The part of alpha that a quantity has for itself, whatever the others show."""
        return self.alpha / self.family


def verdict(found: Difference, rule: Rule, slower: float, faster: float) -> Verdict:
    """Judge one quantity, whose two p are already those of the whole family.

    Slower: no slowdown is refuted, and the estimate is above 1 + tolerance; faster likewise below
    its inverse. No change: the whole interval lies within the tolerance. Else undecided.
    """
    margin = 1 + rule.tolerance
    low, high = found.ratio.low, found.ratio.high
    if slower <= rule.alpha and found.ratio.mean > margin:
        return "slower"
    if faster <= rule.alpha and found.ratio.mean < 1 / margin:
        return "faster"
    if low is not None and high is not None and 1 / margin < low and high < margin:
        return "no change"
    return "undecided"


def verdicts(found: Mapping[Key, Difference], rule: Rule) -> dict[Key, Verdict]:
    """Judge all quantities of a comparison together."""
    slower = holm({name: each.slower for name, each in found.items()}, rule.family)
    faster = holm({name: each.faster for name, each in found.items()}, rule.family)
    return {name: verdict(each, rule, slower[name], faster[name]) for name, each in found.items()}


def holm(values: Mapping[Key, float], family: int) -> dict[Key, float]:
    """Adjust p so that each may be held against the rate of the whole family.

    family: how many there are with those that are not known yet, which count as 1.
    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6 (1979), pp. 65-70.
    """
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(values, key=values.__getitem__)):
        largest = max(largest, min(1.0, (family - place) * values[name]))
        adjusted[name] = largest
    return adjusted


def more_pairs(found: Difference, rule: Rule) -> int | None:
    """About how many more pairs an undecided quantity takes; None where that cannot be told.

    So many that half an interval is as wide as the estimate is away from the nearer of what has to
    be excluded: 1 where it is beyond the tolerance, the tolerance where it is within. Of too few
    pairs to refute anything, those that lack until pairs that all agree can, whatever the looks.
    """
    ratio = found.ratio
    if ratio.high is None:
        least = math.ceil(math.log2(len(SHARES) / rule.share))
        return max(1, max(LEAST, least) - found.pairs)
    centre, margin = abs(math.log(ratio.mean)), math.log1p(rule.tolerance)
    wanted = centre if centre > margin else margin - centre
    half = math.log(ratio.high / ratio.mean)
    if wanted <= 0 or half <= 0:
        return None
    return max(1, math.ceil(found.pairs * (half / wanted) ** 2) - found.pairs)
