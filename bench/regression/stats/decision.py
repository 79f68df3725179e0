"""Decide slower, faster, no change or undecided: one rule for all comparisons in pairs."""

import math
from dataclasses import dataclass
from typing import Literal

from bench.analysis.intervals import Interval
from bench.regression.stats.false_alarms import ALPHA, count_fewest_pairs

DEFAULT_TOLERANCE = 0.02  # smaller differences do not matter, however significant

Verdict = Literal["slower", "faster", "no change", "undecided"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The size of a difference that matters, and the rate of false alarms."""

    tolerance: float = DEFAULT_TOLERANCE  # a share
    alpha: float = ALPHA  # the rate of the whole family
    family: int = 1  # the number of tests judged together

    @property
    def alpha_per_test(self) -> float:
        """The level of one test, whatever the others show."""
        return self.alpha / self.family


def decide_metric(ratio: Interval, rule: Rule, p_slower: float, p_faster: float) -> Verdict:
    """Return the verdict on one metric, whose p values are adjusted for the family.

    Slower: "no slowdown" is rejected, and the estimate is above 1 + tolerance. Faster: likewise
    below its inverse. No change: the whole interval, which supposes that the logarithms of the
    ratios lie symmetrically around their median, is within the tolerance. Otherwise undecided.
    """
    margin = 1 + rule.tolerance
    if p_slower <= rule.alpha and ratio.mean > margin:
        return "slower"
    if p_faster <= rule.alpha and ratio.mean < 1 / margin:
        return "faster"
    return "no change" if is_within_tolerance(ratio, rule) else "undecided"


def is_within_tolerance(ratio: Interval, rule: Rule) -> bool:
    """Return whether the whole interval of a ratio lies within the tolerance."""
    margin = 1 + rule.tolerance
    if ratio.low is None or ratio.high is None:
        return False
    return 1 / margin < ratio.low and ratio.high < margin


def estimate_more_pairs(ratio: Interval, pairs: int, rule: Rule) -> int | None:
    """Return about how many more pairs would decide_metric; None if that cannot be estimated.

    With enough pairs, half the interval is as wide as the distance from the estimate to what it
    must exclude: 1 for an estimate beyond the tolerance, the tolerance for one within it; if it is
    so already, more pairs are no remedy that can be estimated. With too few pairs for any
    rejection, return those missing until unanimous pairs can reject.
    """
    if ratio.high is None:
        return max(1, count_fewest_pairs(rule.alpha_per_test) - pairs)
    centre, margin = abs(math.log(ratio.mean)), math.log1p(rule.tolerance)
    distance = centre if centre > margin else margin - centre
    half = math.log(ratio.high / ratio.mean)
    if distance <= 0 or half <= 0:
        return None
    more = math.ceil(pairs * (half / distance) ** 2) - pairs
    return more if more > 0 else None
