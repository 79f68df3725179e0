"""Intervals, with numbers worked out by hand."""

import math

import numpy as np
import pytest

from bench.analysis.intervals import (
    Interval,
    TableNoise,
    Traits,
    adjust_holm,
    compute_sign_p,
    divide_intervals,
    estimate_difference,
    estimate_typical,
    share_deviation,
    share_noise,
)


# The range of n values misses with probability 2 ** (1 - n). It is stretched by the share e of
# itself for which 2 ** (1 - n) * (1 + e) ** (1 - n) is 5 %: 9, sqrt(5) - 1, 1.25 ** (1 / 4) - 1.
@pytest.mark.parametrize(
    ("values", "centre", "low", "high"),
    [
        ([1, 1.2], math.sqrt(1.2), 1.2**-9, 1.2 * 1.2**9),
        ([1.2, 1, 1.1], 1.1, 1.2**-1.23607, 1.2 * 1.2**1.23607),
        ([16, 2, 4, 8, 1], 4, 16**-0.05737, 16 * 16**0.05737),
        ([3] * 5, 3, 3, 3),
        # No stretching: the range of 6 to 8 values holds the median 31 of 32 times or more often.
        ([6, 1, 2, 3, 4, 5], math.sqrt(12), 1, 6),
        (range(1, 9), math.sqrt(20), 1, 8),
        # One value, and five, lie beyond each bound: printed in tables of the sign test.
        (range(1, 10), 5, 2, 8),
        (range(1, 21), math.sqrt(110), 6, 15),
    ],
)
def test_typical_value_is_the_median_with_order_statistics(values, centre, low, high):
    interval = estimate_typical(list(values))
    assert interval.mean == pytest.approx(centre)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-4)


def test_bounds_far_beyond_the_values_are_unknown():
    interval = estimate_typical([1.0, 1.3])
    assert interval == Interval(pytest.approx(math.sqrt(1.3)))


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([1.0, 1.4], (1.0, 1.4)),
        ([5e-324, 1e308], (5e-324, 1e308)),
        ([2.0, 1.0, 1.1], (1.1, 2.0)),  # the median first
        ([2.0, 1.0, 2.2, 1.1], (1.1, 2.0)),
        ([1.0, 2.0, 2.0], None),  # a fast one is no slower group
        ([1.0, 1.0, 1.0, 1.0, 9.0], None),  # five have an interval
    ],
)
def test_few_values_in_two_groups_have_both_and_no_middle(values, groups):
    interval = estimate_typical(values)
    assert ((interval.mean, interval.other) if interval.other else None) == groups
    assert (interval.low is None) == (groups is not None)


# ----- few values, by the noise of their table

# Two processes 0.02 apart have the variance 0.0002. With s0 = 0.01, s² = (3 * 0.0001 + 0.0002) / 4.
TWO = (1.0, math.exp(0.02))
MARGIN = 2.776445 * 0.707 * math.sqrt((3 * 0.0001 + 0.0002) / 4)


def test_interval_of_few_values_is_moderated():
    interval = estimate_typical(TWO, TableNoise(0.01, 0.01))
    bounds = [math.log(bound) for bound in (interval.low, interval.mean, interval.high)]
    assert bounds == pytest.approx([0.01 - MARGIN, 0.01, 0.01 + MARGIN], rel=1e-5)
    # More than four deviations apart: as a row that is not like the others, or by itself.
    apart = estimate_typical(TWO, TableNoise(0.0049, 0.0049))
    assert apart == estimate_typical(TWO, TableNoise(math.hypot(0.0049, 0.08), 0.0049))
    far = [1.0, 1.4, 1.41]
    assert estimate_typical([1.0, 1.0], TableNoise(0.01, 0.01)).high < 1.02
    assert estimate_typical(far, TableNoise(0.01, 0.01)) == estimate_typical(far)
    five = [1.0, 1.1, 1.2, 1.3, 1.4]
    assert estimate_typical(five, TableNoise(0.01, 0.01)) == estimate_typical(five)


def test_values_as_noisy_as_their_table_are_in_one_group():
    assert estimate_typical([1.0, 1.4], TableNoise(0.1, 0.1)).other is None
    assert estimate_typical([1.0, 1.4], TableNoise(0.1, 0.05)).other == 1.4


def test_deviation_of_a_table_is_consistent_and_leaves_out_the_noisiest_rows():
    random = np.random.default_rng(0)
    tables = random.normal(0, 0.04, (2000, 16, 3)).tolist()
    variances = [share_deviation(table) ** 2 for table in tables]
    assert math.sqrt(sum(variances) / 2000) == pytest.approx(0.04, rel=0.04)
    table = tables[0]
    wild = [[9 * log for log in row] for row in table[:3]]
    assert share_deviation([*wild, *table[3:]]) < 2 * share_deviation(table)
    assert share_deviation([*table[:3], [0.0]]) is None  # three rows say too little


def test_rows_with_other_threads_or_states_have_noise_of_their_own():
    rows = {place: ([1.0, 1.01 + place / 100], Traits()) for place in range(4)}
    rows |= {place: ([1.0, 1.0 + place / 10], Traits(threads=2)) for place in range(5, 9)}
    rows[9] = [1.0, 1.02], Traits(states=True)
    rows[10] = [1.0, 9.0], Traits(waits=True)
    rows[11] = [1.0, 1.5], Traits(threads=4)
    noise = share_noise({key: (dict(enumerate(own)), of) for key, (own, of) in rows.items()})
    base = noise[0].row
    assert noise[0] == TableNoise(base, base)
    assert noise[5].row > 5 * base
    assert {noise[place] for place in (9, 10, 11)} == {TableNoise(math.hypot(base, 0.08), base)}
    assert share_noise({0: ({1: 1.0, 2: 2.0}, Traits())}) == {0: None}


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0]])
def test_values_without_logarithm_raise(values):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the math module's or ours
        estimate_typical(values)


@pytest.mark.parametrize(
    ("values", "centre", "low", "high"),
    [
        ([-1, 2], 0.5, -1 - 9 * 3, 2 + 9 * 3),
        ([4, -2, 1], 1, -2 - 6 * 1.23607, 4 + 6 * 1.23607),
        ([16, -4, 4, 8, 1], 4, -4 - 20 * 0.05737, 16 + 20 * 0.05737),
        ([6, 1, -2, 3, 4, 0], 2, -2, 6),
        (range(-4, 5), 0, -3, 3),
    ],
)
def test_difference_is_the_median_with_order_statistics(values, centre, low, high):
    interval = estimate_difference(list(values))
    assert interval.mean == pytest.approx(centre)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-4)


def test_single_difference_has_no_interval_and_none_raises():
    assert estimate_difference([-1.5]) == Interval(-1.5)
    with pytest.raises(ValueError, match="no values"):
        estimate_difference([])


# ----- tests


def test_sign_test_counts_both_sides():
    # Of six tosses, one of the two sides comes up at most once in 2 * (1 + 6) of 64 cases.
    assert compute_sign_p(1, 6) == 14 / 64
    assert compute_sign_p(3, 6) == 1


# Holm's procedure: 0.005 * 6, 0.01 * 5, 0.03 * 4, and 0.035 * 3, which is raised to 0.12: no
# adjusted p is below the one before it. The two that are unknown have a p of 1 and come last.
def test_holm_adjustment_by_hand():
    difference = adjust_holm({"a": 0.01, "b": 0.035, "c": 0.03, "d": 0.005}, 6)
    assert difference == pytest.approx({"a": 0.05, "b": 0.12, "c": 0.12, "d": 0.03})
    assert adjust_holm({}, 3) == {}


def test_adjusted_p_is_at_most_1():
    assert adjust_holm({"a": 0.4, "b": 0.9}, 2) == {"a": 0.8, "b": 0.9}
    assert adjust_holm({"a": 0.6}, 3) == {"a": 1.0}


# ----- two independent samples


@pytest.mark.parametrize(
    ("above", "below", "ratio"),
    [
        ((2, 1, 4), (1, 1, 1), (2, 1, 4)),
        ((2, 1, 4), (4, 2, 8), (0.5, 0.5 / 2 ** math.sqrt(2), 0.5 * 2 ** math.sqrt(2))),
        # Above, the factor 4 of the first one counts, below that of the other one.
        ((1, 1, 4), (1, 1, 2), (1, 0.5, 4)),
    ],
)
def test_ratio_combines_the_bounds_of_both(above, below, ratio):
    interval = divide_intervals(Interval(*map(float, above)), Interval(*map(float, below)))
    assert (interval.mean, interval.low, interval.high) == pytest.approx(ratio)


def test_ratio_without_bounds_or_range_has_none():
    bounded = Interval(2.0, 1.0, 4.0)
    assert divide_intervals(Interval(4.0), bounded) == divide_intervals(
        Interval(4.0), Interval(2.0)
    )
    assert divide_intervals(bounded, Interval(2.0)) == Interval(1.0)
    assert divide_intervals(Interval(4.0, other=6.0), bounded) == Interval(2.0, other=3.0)
    # The combination is beyond the range of floats.
    wide = Interval(1.0, 5e-324, 1e308)
    assert divide_intervals(wide, wide).low is None


# ----- an interval


def test_interval_is_divided_with_its_bounds_and_the_other_group():
    assert Interval(4.0, 2.0, 8.0) / 2 == Interval(2.0, 1.0, 4.0)
    assert Interval(2.0, other=4.0) / 2 == Interval(1.0, other=2.0)


@pytest.mark.parametrize(
    ("low", "high", "excluded"),
    [(1.1, 1.3, True), (0.7, 0.9, True), (0.9, 1.1, False), (1.0, 1.2, False), (None, None, False)],
)
def test_interval_excludes_values_outside_its_bounds(low, high, excluded):
    assert Interval(1.0, low, high).excludes(1) is excluded


@pytest.mark.parametrize(
    ("low", "high", "within"),
    [(0.96, 1.04, True), (0.94, 1.0, False), (1.0, 1.06, False), (None, None, False)],
)
def test_interval_is_within_a_share_if_both_bounds_are(low, high, within):
    assert Interval(1.0, low, high).is_within(0.05) is within
