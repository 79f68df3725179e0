"""Intervals, with numbers worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.intervals import Interval, compute_t_quantile, estimate_mean, estimate_ratio


def test_t_quantile_matches_printed_tables():
    printed = {1: 12.706, 4: 2.776, 9: 2.262, 30: 2.042}
    assert {freedom: round(compute_t_quantile(freedom), 3) for freedom in printed} == printed


# The standard deviation of k numbers evenly spaced by ln 2 is ln 2 / sqrt(2), ln 2 and
# ln 2 * sqrt(2.5) for k = 2, 3 and 5.
@pytest.mark.parametrize(
    ("values", "mean", "half_width"),
    [
        ([1, 2], math.sqrt(2), 12.706 * math.log(2) / math.sqrt(2) / math.sqrt(2)),
        ([4, 1, 2], 2, 4.303 * math.log(2) / math.sqrt(3)),  # 1.7220: from 0.3574 to 11.19
        ([1, 2, 4, 8, 16], 4, 2.776 * math.log(2) * math.sqrt(2.5) / math.sqrt(5)),  # 1.3606
        ([1] * 5, 1, 0),
    ],
)
def test_mean_has_t_interval_of_logarithms(values, mean, half_width):
    interval = estimate_mean(values)
    assert interval.mean == pytest.approx(mean)
    assert interval.low == pytest.approx(mean / math.exp(half_width), rel=1e-3)
    assert interval.high == pytest.approx(mean * math.exp(half_width), rel=1e-3)


def test_mean_of_one_value_has_no_bounds():
    assert estimate_mean([3.0]) == Interval(pytest.approx(3.0))


@pytest.mark.parametrize("values", [[5e-324, 1e9], [5e-324, 1e308], [1e300, 1e308]])
def test_bounds_beyond_floats_are_unknown(values):
    interval = estimate_mean(values)
    assert interval.mean == pytest.approx(math.exp(sum(map(math.log, values)) / len(values)))
    assert (interval.low, interval.high) == (None, None)


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0]])
def test_values_without_geometric_mean_raise(values):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the math module's or ours
        estimate_mean(values)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=9), st.floats(1e-3, 1e3))
def test_unit_of_time_scales_the_interval(values, unit):
    interval, scaled = estimate_mean(values), estimate_mean([value * unit for value in values])
    expected = [interval.low * unit, interval.mean * unit, interval.high * unit]
    assert [scaled.low, scaled.mean, scaled.high] == pytest.approx(expected)
    assert interval.low <= interval.mean * (1 + 1e-12)
    assert interval.mean <= interval.high * (1 + 1e-12)


# ----- two independent samples


@pytest.mark.parametrize(
    ("sample", "base", "mean", "half_width"),
    [
        # Variances (ln 2)² and 0: Welch's degrees of freedom are the first sample's, two.
        ([1, 2, 4], [1, 1, 1], 2, 4.303 * math.log(2) / math.sqrt(3)),
        # Equal variances of three values each: four.
        ([1, 2, 4], [3, 6, 12], 1 / 3, 2.776 * math.log(2) * math.sqrt(2 / 3)),
        # (ln 2)² / 2 of two values, (ln 2)² of three: squared errors 1/4 and 1/3, and
        # (7/12)² / (1/16 + 1/18) = 2.8824 degrees, where t is 3.2572: at three it is 3.182.
        ([1, 2], [1, 2, 4], 2**-0.5, 3.2572 * math.log(2) * math.sqrt(7 / 12)),
        ([4, 4], [2, 2], 2, 0),
    ],
)
def test_ratio_has_welch_interval(sample, base, mean, half_width):
    interval = estimate_ratio(sample, base)
    assert interval.mean == pytest.approx(mean)
    assert interval.low == pytest.approx(mean / math.exp(half_width), rel=1e-3)
    assert interval.high == pytest.approx(mean * math.exp(half_width), rel=1e-3)


def test_ratio_without_spread_or_range_has_no_bounds():
    assert estimate_ratio([4.0], [2.0, 2.0, 2.0]) == Interval(2.0)
    assert estimate_ratio([4.0, 4.0], [2.0]) == Interval(2.0)
    assert estimate_ratio([5e-324, 1e9], [1.0, 1.0]).low is None


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
