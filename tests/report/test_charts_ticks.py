"""Ticks of a logarithmic axis are few and lie about where the values do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.charts import ticks


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 40], [5, 10, 20, 50]),
        ([0.087, 12.6], [0.1, 1, 10]),
        ([1e-7, 9e-6], [1e-7, 1e-6, 1e-5]),
        ([7, 9], [10]),
        ([5, None, 0, -3, math.inf, math.nan], [5]),
        ([None], []),
        ([], []),
    ],
)
def test_ticks_are_ones_twos_and_fives_or_powers_of_ten(values, expected):
    assert ticks.logarithmic(values) == pytest.approx(expected)


@given(st.lists(st.floats(1e-9, 1e9), min_size=2))
def test_ticks_are_few_and_no_further_than_a_little_beyond(values):
    found = ticks.logarithmic(values)
    assert len(found) <= 20
    assert all(min(values) / 1.31 <= tick <= max(values) * 1.31 for tick in found)
    assert found == sorted(set(found))


def test_where_one_tick_or_none_would_be_left_the_axis_chooses():
    assert ticks.axis([3, 40]) == {"values": [5, 10, 20, 50]}
    assert ticks.axis([7, 9]) == ticks.axis([]) == {"tickCount": 4}
