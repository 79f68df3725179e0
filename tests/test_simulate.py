"""Simulated runs, whose true mean is known: our intervals hold as often as they say."""

from pathlib import Path

import numpy as np
import pytest

from bench import simulate
from bench.intervals import Interval
from bench.simulate import Simulation, Spread

ROOT = Path(__file__).parents[1]
REPEATS = 6000  # 95 % of them are seen to half a point, twice the standard error


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_intervals_hold_as_often_as_they_say(rounds):
    found = Simulation(Spread(), REPEATS).fixed(rounds)
    assert 0.94 <= found.row <= 0.96
    assert 0.94 <= found.ratio <= 0.96
    assert (found.rounds, found.narrow) == (rounds, None)


def test_drift_makes_a_row_uncertain_and_leaves_the_ratio_of_neighbours_alone():
    found = Simulation(Spread(drift=0.1), REPEATS).fixed(5)
    assert found.row > 0.97
    assert 0.94 <= found.ratio <= 0.96


# Welch's interval is known to hold a little less often where few processes lie furthest apart.
@pytest.mark.parametrize(
    ("rounds", "there", "low"),
    [(3, 3, 0.94), (5, 5, 0.94), (10, 10, 0.94), (3, 10, 0.94), (10, 3, 0.92)],
)
def test_intervals_between_machines_of_unequal_spreads_hold(rounds, there, low):
    found = Simulation(Spread(), REPEATS).two_machines(rounds, there)
    assert low <= found.ratio <= 0.965
    assert 0.94 <= found.row <= 0.96


def test_two_stages_hold_and_are_as_narrow_as_was_asked_for():
    found = Simulation(Spread(), 2000).two_stages(5, 0.05)
    assert 0.94 <= found.row <= 0.965
    assert found.narrow == 1
    assert 5 < found.rounds < 12


def test_going_on_until_it_looks_narrow_does_not_hold():
    found = Simulation(Spread(), 2000).until_narrow(3, 0.05)
    assert found.row < 0.94
    assert found.narrow == 1


def test_the_simulated_processes_have_the_spread_that_was_asked_for():
    draw = np.random.default_rng(1)
    still = np.log(simulate.medians(Spread(0.0, 0.038), 20_000, draw))
    assert still.std() == pytest.approx(0.038, rel=0.02)
    # The median of five normal values has a standard deviation of 0.536 of theirs.
    within = np.log(simulate.medians(Spread(0.035, 0.0), 20_000, draw))
    assert within.std() == pytest.approx(0.536 * 0.035, rel=0.02)
    drift = np.log(simulate.medians(Spread(0.0, 0.0, 0.1), 5, draw))
    assert drift == pytest.approx(np.array([[-0.05, -0.025, 0, 0.025, 0.05]] * 2))


@pytest.mark.parametrize(
    ("found", "holds"),
    [(Interval(1.1, 0.9, 1.2), True), (Interval(1.1, 1.05, 1.2), False),
     (Interval(0.9, 0.8, 0.95), False), (Interval(1.0), False)],
)  # fmt: skip
def test_an_interval_holds_where_the_truth_is_in_it(found, holds):
    assert simulate._holds(found) == holds


def test_the_same_seed_gives_the_same_coverage():
    one, other, same = (Simulation(Spread(), 200, seed).fixed(3) for seed in (1, 2, 1))
    assert one == same
    assert one != other


@pytest.mark.full
def test_the_documentation_has_the_coverage_that_the_command_prints(bench):
    page = (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8")
    ended = bench("intervals")
    assert (ended.returncode, ended.stderr) == (0, "")
    start = page.index("| intervals of 95 %")
    heading, _ruler, *rows = page[start : page.index("\n\n", start)].splitlines()
    assert len(rows) == 13
    printed = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert [" ".join(line.replace("|", " ").split()) for line in (heading, *rows)] == printed


def test_the_command_prints_a_line_for_every_way(bench):
    ended = bench("intervals", "--repeats=100", "--precision=10%", "--drift=0.05")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert len(lines) == 14
    assert [line.split("  ")[0] for line in lines[5:10]] == [
        "5 rounds, drift 5%", "10 rounds, drift 5%", "5, then as many as ± 10 % takes",
        "until it looks like ± 10 %", "3 rounds, 3 on another machine",
    ]  # fmt: skip
