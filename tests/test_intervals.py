"""Intervals, with numbers that are worked out by hand."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.intervals import Interval, estimate_mean, estimate_ratio, t_quantile
from bench.plan import rounds_needed


# Student's t, the quantile 0.975, as every printed table has it: 12.706, 4.303 and 2.776 with one,
# two and four degrees of freedom. The standard deviation of k numbers evenly spaced by ln 2 is
# ln 2 / sqrt(2), ln 2 and ln 2 * sqrt(2.5) for k = 2, 3 and 5.
@pytest.mark.parametrize(
    ("values", "mean", "half"),
    [
        ([1, 2], math.sqrt(2), 12.706 * math.log(2) / math.sqrt(2) / math.sqrt(2)),
        ([4, 1, 2], 2, 4.303 * math.log(2) / math.sqrt(3)),  # 1.7220: from 0.3574 to 11.19
        ([1, 2, 4, 8, 16], 4, 2.776 * math.log(2) * math.sqrt(2.5) / math.sqrt(5)),  # 1.3606
    ],
)
def test_the_interval_is_the_t_interval_of_the_logarithms(values, mean, half):
    found = estimate_mean(values)
    assert found.mean == pytest.approx(mean)
    assert found.low == pytest.approx(mean / math.exp(half), rel=1e-3)
    assert found.high == pytest.approx(mean * math.exp(half), rel=1e-3)


def test_three_values_worked_out():
    found = estimate_mean([1, 2, 4])
    assert (round(found.low, 3), round(found.mean, 3), round(found.high, 2)) == (0.357, 2.0, 11.19)


@pytest.mark.parametrize("values", [[5e-324, 1e9], [5e-324, 1e308], [1e300, 1e308]])
def test_an_interval_that_reaches_beyond_all_numbers_has_no_bounds(values):
    found = estimate_mean(values)
    assert found.mean == pytest.approx(math.exp(sum(map(math.log, values)) / len(values)))
    assert (found.low, found.high) == (None, None)


def test_one_value_has_no_interval():
    found = estimate_mean([3.0])
    assert (found.mean, found.low, found.high) == (pytest.approx(3.0), None, None)


def test_values_that_are_all_the_same_leave_no_doubt():
    assert estimate_mean([1.0] * 5) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0]])
def test_what_has_no_geometric_mean_is_an_error(values):
    with pytest.raises(ValueError):  # noqa: PT011 - the mathematics' own word, or ours
        estimate_mean(values)


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=9), st.floats(1e-3, 1e3))
def test_the_unit_of_time_changes_nothing(values, unit):
    found, scaled = estimate_mean(values), estimate_mean([value * unit for value in values])
    assert scaled.mean == pytest.approx(found.mean * unit)
    assert scaled.low == pytest.approx(found.low * unit)
    assert scaled.high == pytest.approx(found.high * unit)
    assert found.low <= found.mean * (1 + 1e-12)
    assert found.mean <= found.high * (1 + 1e-12)


def test_the_quantile_is_that_of_printed_tables():
    printed = {1: 12.706, 4: 2.776, 9: 2.262, 30: 2.042}
    assert {freedom: round(t_quantile(freedom), 3) for freedom in printed} == printed


def test_in_two_stages_the_first_gives_the_spread_and_all_give_the_mean():
    # Logarithms 0, ln 2 | 0, 0: s = ln 2 / sqrt(2) = 0.4901, t = 12.706, four values:
    # half = 12.706 * 0.4901 / 2 = 3.1138, mean = 2 ** 0.25.
    found = estimate_mean([1, 2, 1, 1], first_stage=2)
    assert found.mean == pytest.approx(2**0.25)
    assert math.log(found.high / found.mean) == pytest.approx(3.1138, rel=1e-3)
    assert math.log(found.mean / found.low) == pytest.approx(3.1138, rel=1e-3)


def test_the_number_of_rounds_is_what_the_first_stage_asks_for():
    # s = 0.01 * sqrt(2.5) of the logarithms, t = 2.776: (2.776 * 0.015811 / ln 1.02)^2 = 4.91.
    first = [math.exp(0.01 * step) for step in range(5)]
    assert rounds_needed(first, 0.02) == 5
    # (0.043893 / ln 1.01)^2 = 19.46, and a quarter of the precision takes sixteen times as many.
    assert rounds_needed(first, 0.01) == 20
    assert rounds_needed([1.0] * 5, 0.001) == 5


@given(st.lists(st.floats(0.5, 2), min_size=2, max_size=6), st.floats(0.01, 0.5))
def test_so_many_rounds_are_as_precise_as_was_asked_for_and_one_less_is_not(first, precision):
    needed = rounds_needed(first, precision)
    if needed > 10_000:
        return
    found = estimate_mean([*first, *[1.0] * (needed - len(first))], len(first))
    assert found.high <= found.mean * (1 + precision) * (1 + 1e-9)
    if needed > len(first):
        fewer = estimate_mean([*first, *[1.0] * (needed - 1 - len(first))], len(first))
        assert fewer.high > fewer.mean * (1 + precision) * (1 - 1e-9)


def test_one_value_fixes_no_number():
    with pytest.raises(statistics.StatisticsError):
        rounds_needed([1.0], 0.02)


# ----- two samples that share nothing


@pytest.mark.parametrize(
    ("ones", "others", "mean", "half"),
    [
        # Variances (ln 2)² and nought: Welch's freedom is that of the first alone, two.
        ([1, 2, 4], [1, 1, 1], 2, 4.303 * math.log(2) / math.sqrt(3)),
        # Equal ones of three values each: four.
        ([1, 2, 4], [3, 6, 12], 1 / 3, 2.776 * math.log(2) * math.sqrt(2 / 3)),
        # (ln 2)² / 2 of two values, (ln 2)² of three: squared errors 1/4 and 1/3, and
        # (7/12)² / (1/16 + 1/18) = 2.8824 degrees, where t is 3.2572: at three it is 3.182.
        ([1, 2], [1, 2, 4], 2**-0.5, 3.2572 * math.log(2) * math.sqrt(7 / 12)),
    ],
)  # fmt: skip
def test_the_ratio_of_two_samples_has_the_freedom_of_both_spreads(ones, others, mean, half):
    found = estimate_ratio(ones, others)
    assert found.mean == pytest.approx(mean)
    assert found.low == pytest.approx(mean / math.exp(half), rel=1e-3)
    assert found.high == pytest.approx(mean * math.exp(half), rel=1e-3)


def test_one_value_has_no_spread_that_a_ratio_could_be_told_by():
    assert estimate_ratio([4.0], [2.0, 2.0, 2.0]) == Interval(2.0)
    assert estimate_ratio([4.0, 4.0], [2.0]) == Interval(2.0)
    for ones, others in (([], [1.0]), ([1.0], [])):
        with pytest.raises(ValueError, match="no values"):
            estimate_ratio(ones, others)


def test_samples_that_never_vary_give_a_ratio_without_a_width():
    assert estimate_ratio([4.0, 4.0], [2.0, 2.0]) == Interval(2.0, 2.0, 2.0)
    assert estimate_ratio([5e-324, 1e9], [1.0, 1.0]).low is None


def test_so_much_over_an_interval_has_its_bounds_the_other_way_round():
    assert 16 / Interval(2.0, 1.0, 8.0) == Interval(8.0, 2.0, 16.0)
    assert 1 / Interval(2.0) == Interval(0.5)
