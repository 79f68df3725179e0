"""The decision on pairs of numbers, as another program calls it."""

import math

import numpy as np
import pytest
from scipy.stats import binom, wilcoxon

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


@pytest.mark.parametrize("count", range(1, 13))
def test_p_values_agree_with_scipy(count):
    logs = np.random.default_rng(count).normal(0.05, 0.1, count)
    decision = decide(make_pairs(logs))
    for ours, side in ((decision.p_slower, "greater"), (decision.p_faster, "less")):
        theirs = wilcoxon(logs, alternative=side, method="exact").pvalue
        assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("noise", ["cauchy", "skewed by a coin"])
def test_equal_versions_are_seldom_called_different(noise):
    draw, runs, alpha = np.random.default_rng(5), 2000, 0.05
    shape = (runs, 10)
    if noise == "cauchy":
        logs = draw.standard_cauchy(shape) / 100
    else:  # the first process of a pair takes longer, and a coin decides which that is
        logs = draw.choice([-1, 1], shape) * draw.lognormal(-3, 1, shape)
    logs = np.clip(logs, -50, 50)
    verdicts = [decide(make_pairs(row), tolerance=0.0, alpha=alpha).verdict for row in logs]
    # The largest p of ten pairs that is not above 5 % is 43 / 1024.
    for verdict in ("slower", "faster"):
        low, high = binom.ppf([1e-4, 1 - 1e-4], runs, 43 / 1024)
        assert low <= verdicts.count(verdict) <= high


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
