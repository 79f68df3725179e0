"""Our intervals hold as often as they say, in simulated runs whose true mean is known."""

import numpy as np
import pytest
from support import simulate
from support.simulate import Spread

from bench.analysis.intervals import Interval

REPEATS = 6000  # 95 % of them are known to half a point, twice the standard error


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_intervals_of_fixed_rounds_hold_at_95_percent(rounds):
    coverage = simulate.fixed_rounds(Spread(), REPEATS, rounds)
    assert 0.94 <= coverage.row <= 0.96
    assert 0.94 <= coverage.ratio <= 0.96


def test_drift_widens_a_rows_interval_and_not_the_ratio_of_neighbours():
    coverage = simulate.fixed_rounds(Spread(drift=0.1), REPEATS, 5)
    assert coverage.row > 0.97
    assert 0.94 <= coverage.ratio <= 0.96


# Welch's interval is known to hold a little less often where few processes lie furthest apart.
@pytest.mark.parametrize(
    ("rounds", "other_rounds", "low"),
    [(3, 3, 0.94), (5, 5, 0.94), (10, 10, 0.94), (3, 10, 0.94), (10, 3, 0.92)],
)
def test_intervals_between_machines_of_unequal_spreads_hold(rounds, other_rounds, low):
    coverage = simulate.two_machines(Spread(), REPEATS, rounds, other_rounds)
    assert low <= coverage.ratio <= 0.965
    assert 0.94 <= coverage.row <= 0.96


def test_simulated_processes_have_the_spread_asked_for():
    random = np.random.default_rng(1)
    still = np.log(simulate.medians(Spread(0.0, 0.038), 20_000, random))
    assert still.std() == pytest.approx(0.038, rel=0.02)
    # The median of five normal values has a standard deviation of 0.536 of theirs.
    within = np.log(simulate.medians(Spread(0.035, 0.0), 20_000, random))
    assert within.std() == pytest.approx(0.536 * 0.035, rel=0.02)
    drift = np.log(simulate.medians(Spread(0.0, 0.0, 0.1), 5, random))
    assert drift == pytest.approx(np.array([[-0.05, -0.025, 0, 0.025, 0.05]] * 2))


@pytest.mark.parametrize(
    ("simulated", "holds"),
    [
        (Interval(1.1, 0.9, 1.2), True),
        (Interval(1.1, 1.05, 1.2), False),
        (Interval(0.9, 0.8, 0.95), False),
        (Interval(1.0), False),
    ],
)
def test_interval_holds_where_it_contains_the_truth(simulated, holds):
    assert simulate.holds(simulated) == holds
