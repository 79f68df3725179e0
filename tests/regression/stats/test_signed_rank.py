"""The signed-rank test of pairs: against SciPy, by brute force, and in simulations of noise."""

import math
from itertools import combinations_with_replacement, product
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, wilcoxon

from bench.regression.stats import signed_rank
from bench.regression.stats.false_alarms import (
    compute_nominal_level,
    compute_overall_level,
    schedule_looks,
)
from bench.regression.stats.signed_rank import compare_pairs, compute_ratio

# In steps of 0.01, to have ties and zeros.
COARSE = st.integers(-9, 9).map(lambda steps: steps / 100)
# No ties and no zeros.
FINE = st.lists(
    st.floats(1e-3, 0.5).flatmap(lambda size: st.sampled_from([size, -size])),
    min_size=1,
    max_size=40,
    unique_by=abs,
)


@given(FINE)
def test_p_values_agree_with_scipy(logs):
    slower, faster = signed_rank.compute_p_values(logs)
    for ours, side in ((slower, "greater"), (faster, "less")):
        theirs = wilcoxon(logs, alternative=side, method="exact").pvalue
        assert ours == pytest.approx(theirs, rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.03]), min_size=1, max_size=8))
def test_ties_and_zeros_keep_the_false_alarm_rate(sizes):
    # Without a difference, all 2 ** n signs are equally likely.
    signs = product((-1, 1), repeat=len(sizes))
    estimate = [
        signed_rank.compute_p_values([sign * size for sign, size in zip(item, sizes, strict=True)])
        for item in signs
    ]
    for side in zip(*estimate, strict=True):
        for p in set(side):
            assert sum(one <= p for one in side) / len(side) <= p * (1 + 1e-12)


@given(st.lists(COARSE, min_size=1, max_size=30), st.floats(0.001, 0.2))
def test_bound_excludes_1_exactly_if_the_test_rejects(logs, level):
    estimate, (slower, faster) = compute_ratio(logs, level), signed_rank.compute_p_values(logs)
    assert (estimate.low is not None and estimate.low > 1) == (slower <= level)
    assert (estimate.high is not None and estimate.high < 1) == (faster <= level)


@given(st.lists(COARSE, min_size=1, max_size=30), st.integers(-9, 9), st.floats(0.001, 0.2))
def test_interval_holds_all_ratios_not_rejected(logs, steps, level):
    # Whole steps, to avoid rounding errors of the difference.
    rest = [round(100 * log - steps) / 100 for log in logs]
    estimate, (slower, faster) = compute_ratio(logs, level), signed_rank.compute_p_values(rest)
    wanted = steps / 100
    low, high = (
        round(200 * math.log(one)) / 200 if one else default
        for one, default in ((estimate.low, -math.inf), (estimate.high, math.inf))
    )
    assert (low > wanted) == (slower <= level)
    assert (high < wanted) == (faster <= level)


@given(st.lists(COARSE, min_size=1, max_size=30))
def test_estimate_is_the_median_of_walsh_averages(logs):
    averages = [(one + other) / 2 for one, other in combinations_with_replacement(logs, 2)]
    assert math.log(compute_ratio(logs, 0.01).mean) == pytest.approx(median(averages), abs=1e-12)


def test_future_looks_are_paid_for():
    estimate = compare_pairs([0.05] * 10, (10, 20, 60), 0.01)
    assert estimate.p_slower == pytest.approx(compute_overall_level(2**-10, (10, 20, 60)))
    assert 2.5 * 2**-10 < estimate.p_slower < 3 * 2**-10
    logs = [0.01 * number for number in range(20)]
    estimate = compare_pairs(logs, (10, 20, 60), 0.01)
    assert estimate.ratio == compute_ratio(logs, compute_nominal_level(0.01, (10, 20, 60)))
    assert estimate.ratio.low < compute_ratio(logs, 0.01).low


def test_rejection_at_an_early_look_stays():
    logs = [0.05] * 10 + [-0.05, 0.05] * 25
    assert compare_pairs(logs, (10, 20, 60), 0.01).p_slower == pytest.approx(
        compare_pairs(logs[:10], (10, 20, 60), 0.01).p_slower
    )
    assert compare_pairs(logs, (60,), 0.01).p_slower > 0.01


# ----- simulated comparisons


def normal(draw, shape):
    return draw.standard_normal(shape)


def cauchy(draw, shape):
    return draw.standard_cauchy(shape)


def bursty(draw, shape):
    """One pair in thirty is ten times as far off."""
    return draw.standard_normal(shape) * np.where(draw.random(shape) < 1 / 30, 10, 1)


def drifting(draw, shape):
    """The cost of being measured first wanders from pair to pair, and the noise grows."""
    first = 1 + draw.standard_normal(shape).cumsum(axis=1) / 3
    noise = draw.standard_normal(shape) * np.linspace(0.2, 3, shape[1])
    return draw.choice((-1, 1), shape) * first + noise


def compute_p_slower(logs, pairs):
    """Return the one-sided p of the first pairs of each comparison, a row of ``logs``.

    Without ties and zeros.
    """
    first = logs[:, :pairs]
    ranks = np.abs(first).argsort(axis=1).argsort(axis=1) + 1
    return signed_rank._upper_tail(pairs)[(ranks * (first > 0)).sum(axis=1)]


def share_called(logs, looks, level, *others):
    """Return the share of comparisons that a look at any statistic calls slower at this level."""
    called = np.zeros(len(logs), bool)
    for statistic in (logs, *others):
        for pairs in looks:
            called |= compute_p_slower(statistic, pairs) <= level
    return called.mean()


@pytest.mark.parametrize("noise", [normal, cauchy, bursty, drifting])
@pytest.mark.parametrize("pairs", [10, 24, 71])
def test_looks_keep_the_false_alarm_rate(noise, pairs):
    draw, runs = np.random.default_rng(11), 20_000
    logs, schedule = noise(draw, (runs, pairs)), schedule_looks(pairs)
    alarms = share_called(logs, schedule, compute_nominal_level(0.01, schedule))
    # The range of a rate of 1 % in all but one of 10,000 simulations on either side, less what the
    # steps of an exact p leave unused.
    assert 0.6 * 0.01 <= alarms <= binom.ppf(1 - 1e-4, runs, 0.01) / runs
    # The median and the mean, which is noisier, together, too.
    medians = noise(draw, (runs, pairs))
    means, looks = medians + noise(draw, (runs, pairs)), schedule_looks(pairs, 0.01 / 2)
    family = share_called(medians, looks, compute_nominal_level(0.01 / 2, looks), means)
    assert 0.4 * 0.01 <= family <= binom.ppf(1 - 1e-4, runs, 0.01) / runs
    # Without the correction for several looks the rate is too high.
    uncorrected = share_called(logs, schedule, 0.01)
    assert (uncorrected > binom.ppf(1 - 1e-4, runs, 0.01) / runs) == (len(schedule) > 1)
