"""Verdicts at their borders, and p values of families worked out by hand."""

import math

import pytest
from support.comparisons import make_difference

from bench.analysis.intervals import Interval
from bench.regression.stats.decision import Rule, decide_metric, estimate_more_pairs
from bench.regression.stats.signed_rank import compare_pairs

RULE = Rule(tolerance=0.02, alpha=0.01)
ABOVE, BELOW = math.nextafter(1.02, 2), math.nextafter(1 / 1.02, 0)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (make_difference(1.05, 1.01, 1.09, p_slower=0.01), "slower"),
        (make_difference(1.05, 1.01, 1.09, p_slower=math.nextafter(0.01, 1)), "undecided"),
        (make_difference(ABOVE, 1.01, 1.09, p_slower=1e-9), "slower"),
        (make_difference(1.02, 1.01, 1.09, p_slower=1e-9), "undecided"),
        (make_difference(0.95, 0.91, 0.99, p_faster=0.01), "faster"),
        (make_difference(0.95, 0.91, 0.99, p_faster=math.nextafter(0.01, 1)), "undecided"),
        (make_difference(BELOW, 0.91, 0.99, p_faster=1e-9), "faster"),
        (make_difference(1 / 1.02, 0.91, 0.99, p_faster=1e-9), "undecided"),
        (make_difference(1.0, 0.985, 1.015), "no change"),
        (
            make_difference(1.015, 1.011, 1.019, p_slower=1e-9),
            "no change",
        ),  # significant, but within the tolerance
        (make_difference(0.985, 0.982, 0.99, p_faster=1e-9), "no change"),
        (
            make_difference(1.0, 0.985, 1.02),
            "undecided",
        ),  # a bound at the tolerance is not within it
        (make_difference(1.0, 1 / 1.02, 1.015), "undecided"),
        (make_difference(1.0, 0.97, 1.03), "undecided"),
        (make_difference(1.0), "undecided"),
        (make_difference(1.0, low=0.99), "undecided"),
        (make_difference(1.0, high=1.01), "undecided"),
        # The p of the other side does not count.
        (make_difference(1.05, 1.01, 1.09, p_faster=1e-9), "undecided"),
        (make_difference(0.95, 0.91, 0.99, p_slower=1e-9), "undecided"),
    ],
)
def test_verdict_at_and_beyond_each_border(difference, verdict):
    judged = decide_metric(difference.ratio, RULE, difference.p_slower, difference.p_faster)
    assert judged == verdict


# Four times the pairs halve the interval. One 1.99 times as wide as allowed needs
# 20 * 1.99 ** 2 = 79.2 pairs, which are 60 more than 20.
ALMOST_TWICE = 1.99


@pytest.mark.parametrize(
    ("log", "half", "more"),
    [
        # An estimate beyond the tolerance must exclude 1.
        (0.04, 0.04 * ALMOST_TWICE, 60),
        (-0.04, 0.04 * ALMOST_TWICE, 60),
        # An estimate within the tolerance must exclude the tolerance.
        (0.0, math.log(1.02) * ALMOST_TWICE, 60),
        (math.log(1.02) / 2, math.log(1.02) / 2 * ALMOST_TWICE, 60),
        (-math.log(1.02) / 2, math.log(1.02) / 2 * ALMOST_TWICE, 60),
        # 20 * 1.1 ** 2 = 24.2 pairs are 25.
        (0.04, 0.044, 5),
        # Narrow enough, but undecided because of the family: one pair would not do either.
        (0.04, 0.02, None),
    ],
)
def test_more_pairs_follow_the_square_root_law(log, half, more):
    ratio = Interval(math.exp(log), math.exp(log - half), math.exp(log + half))
    assert estimate_more_pairs(ratio, 20, RULE) == more


def test_more_pairs_unknown_at_the_border():
    assert estimate_more_pairs(Interval(1.0, 0.99, 1.01), 20, Rule(tolerance=0.0)) is None
    assert estimate_more_pairs(Interval(1.05, 1.05, 1.05), 20, RULE) is None


# 2 ** -n <= 0.01 / family.
@pytest.mark.parametrize(("family", "needed"), [(1, 7), (4, 9), (12, 11), (100, 14)])
def test_large_family_needs_more_pairs(family, needed):
    rule = Rule(family=family)
    assert estimate_more_pairs(Interval(1.05), 3, rule) == needed - 3
    difference = compare_pairs([0.1] * needed, (needed,), rule.alpha_per_test)
    assert family * difference.p_slower <= rule.alpha
    assert difference.ratio.low is not None
    fewer = compare_pairs([0.1] * (needed - 1), (needed - 1,), rule.alpha_per_test)
    assert fewer.ratio.low is None
