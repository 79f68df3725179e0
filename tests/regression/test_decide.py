"""The decision on pairs of numbers, as another program calls it."""

import math

import pytest

from bench.regression import decide


def make_pairs(logs, baseline=3.0):
    return [(baseline, baseline * math.exp(log)) for log in logs]


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ([0.1] * 7, "slower"),
        ([-0.1] * 7, "faster"),
        ([0.1] * 6, "undecided"),
        ([0.001, -0.001] * 10, "no change"),
        ([0.01] * 20, "no change"),  # significant, but within the tolerance
        ([0.3, -0.3] * 10, "undecided"),
    ],
)
def test_pairs_give_their_verdict(logs, verdict):
    decision = decide(make_pairs(logs))
    assert decision.verdict == verdict
    assert (decision.more_pairs is not None) == (verdict == "undecided")


def test_decision_has_its_ratio_and_p_values():
    decision = decide(make_pairs([0.1] * 7))
    assert (decision.p_slower, decision.p_faster) == (2**-7, 1.0)
    ratio = decision.ratio
    assert (ratio.low, ratio.mean, ratio.high) == pytest.approx([math.exp(0.1)] * 3)
    few = decide(iter(make_pairs([0.1])))
    assert (few.ratio.low, few.more_pairs) == (None, 6)


def test_tolerance_and_alpha_are_the_callers():
    pairs = make_pairs([0.1] * 6)
    assert decide(pairs, alpha=0.02).verdict == "slower"
    assert decide(pairs, tolerance=0.2, alpha=0.02).verdict == "no change"


@pytest.mark.parametrize(
    ("pairs", "options"),
    [
        ([], {}),
        ([(1.0, 0.0)], {}),
        ([(-1.0, 1.0)], {}),
        ([(1.0, math.nan)], {}),
        ([(math.inf, 1.0)], {}),
        ([(1.0, 1.0)], {"tolerance": -0.1}),
        ([(1.0, 1.0)], {"tolerance": math.nan}),
        ([(1.0, 1.0)], {"alpha": 0.0}),
        ([(1.0, 1.0)], {"alpha": 0.5}),
    ],
)
def test_numbers_that_cannot_be_judged_raise(pairs, options):
    with pytest.raises(ValueError, match=r"pair|tolerance"):
        decide(pairs, **options)
