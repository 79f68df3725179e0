"""Intervals, with numbers worked out by hand."""

import math

import pytest

from bench.analysis.intervals import (
    Interval,
    adjust_holm,
    compute_sign_p,
    estimate_difference,
    estimate_ratio,
    estimate_typical,
)


# The range of n values misses with probability 2 ** (1 - n). It is stretched by the share e of
# itself for which 2 ** (1 - n) * (1 + e) ** (1 - n) is 5 %: 9, sqrt(5) - 1, 1.25 ** (1 / 4) - 1.
@pytest.mark.parametrize(
    ("values", "centre", "low", "high"),
    [
        ([1, 1.2], math.sqrt(1.2), 1.2**-9, 1.2 * 1.2**9),
        ([4, 1, 2], 2, 4**-1.23607, 4 * 4**1.23607),
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


@pytest.mark.parametrize("values", [[1.0, 1.3], [5e-324, 1e308], [1e300, 1e308]])
def test_bounds_far_beyond_the_values_are_unknown(values):
    interval = estimate_typical(values)
    assert interval.mean == pytest.approx(math.exp(sum(map(math.log, values)) / len(values)))
    assert (interval.low, interval.high) == (None, None)


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


# Holm's procedure: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which is raised to 0.06, because no
# adjusted p is below the one before it.
def test_holm_adjustment_by_hand():
    difference = adjust_holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, 4)
    assert difference == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_unknown_tests_count_in_the_family():
    # 0.005 * 6, 0.01 * 5, 0.03 * 4, 0.04 * 3: the others have a p of 1 and come last.
    difference = adjust_holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, 6)
    assert difference == pytest.approx({"a": 0.05, "b": 0.12, "c": 0.12, "d": 0.03})
    assert adjust_holm({}, 3) == {}


def test_adjusted_p_is_at_most_1():
    assert adjust_holm({"a": 0.4, "b": 0.9}, 2) == {"a": 0.8, "b": 0.9}
    assert adjust_holm({"a": 0.6}, 3) == {"a": 1.0}


# ----- two independent samples


# The bounds of 1, 2, 4 are ln 2 + 1.23607 * ln 4 = 2.40669 from the median, on the logarithms.
@pytest.mark.parametrize(
    ("sample", "base", "ratio", "below", "above"),
    [
        ([1, 2, 4], [1, 1, 1], 2, 2.40669, 2.40669),
        ([1, 2, 4], [3, 6, 12], 1 / 3, 2.40669 * math.sqrt(2), 2.40669 * math.sqrt(2)),
        # 1.23607 * ln 4 = 1.71356 below the first of 1, 1, 4, and ln 4 more above it.
        ([1, 1, 4], [1, 1, 1], 1, 1.71356, 3.09985),
        ([1, 1, 1], [1, 1, 4], 1, 3.09985, 1.71356),
        ([4, 4], [2, 2], 2, 0, 0),
    ],
)
def test_ratio_combines_the_bounds_of_both(sample, base, ratio, below, above):
    interval = estimate_ratio(sample, base)
    assert interval.mean == pytest.approx(ratio)
    assert interval.low == pytest.approx(ratio / math.exp(below), rel=1e-4)
    assert interval.high == pytest.approx(ratio * math.exp(above), rel=1e-4)


def test_ratio_without_spread_or_range_has_no_bounds():
    assert estimate_ratio([4.0], [2.0, 2.0, 2.0]) == Interval(2.0)
    assert estimate_ratio([4.0, 4.0], [2.0]) == Interval(2.0)
    assert estimate_ratio([5e-324, 1e9], [1.0, 1.0]).low is None
    # Both have bounds, whose combination is beyond the range of floats.
    assert estimate_ratio([1e-15, 1e15], [1e15, 1e-15]).low is None


@pytest.mark.parametrize(("sample", "base"), [([], [1.0]), ([1.0], [])])
def test_ratio_of_empty_sample_raises(sample, base):
    with pytest.raises(ValueError, match="no values"):
        estimate_ratio(sample, base)


# ----- an interval


def test_dividing_by_an_interval_swaps_bounds():
    assert 16 / Interval(2.0, 1.0, 8.0) == Interval(8.0, 2.0, 16.0)
    assert 1 / Interval(2.0) == Interval(0.5)


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
