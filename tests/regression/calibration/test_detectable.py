"""What a calibration shows: the pairs that fit into a budget, and what they detect."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from support.comparisons import calibrated, session, side, spread_evenly
from support.records import case

from bench.records.schema import Slowdown
from bench.regression.calibration.detectable import (
    BUDGETS,
    STRICT,
    assess_detectability,
    pair_seconds,
)
from bench.regression.calibration.spread import Calibrations, MeasuredBlock, estimate_spread
from bench.regression.stats import power
from bench.regression.stats.power import DecisionCount

NUMPY, FIVE = case("numpy"), Slowdown(0.05)
BEGAN = datetime(2025, 1, 2, tzinfo=UTC)


def after(seconds):
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def block(starts, logs=None, first=1, slowdown=None):
    """Return a block of pairs. starts: seconds after midnight. logs: of their ratios."""
    logs = logs or [0.0] * len(starts)
    pairs = (
        (
            side("base", number, NUMPY, 1.0, started=after(start)),
            side(
                "candidate",
                number,
                NUMPY,
                math.exp(log),
                started=after(start + 1),
                slowdown=slowdown,
            ),
        )
        for number, (start, log) in enumerate(zip(starts, logs, strict=True), first)
    )
    return MeasuredBlock("a session", after(starts[0]), tuple(pairs))


def test_pair_seconds_are_between_starts_of_a_block():
    # Steps of 2, 4 | 3 seconds. The hour between the blocks does not count.
    assert pair_seconds([block([0, 2, 6]), block([3600, 3603])]) == pytest.approx(3)


def test_single_pairs_take_their_wall_time():
    # Two processes of 12 s (support.records.ok).
    assert pair_seconds([block([0]), block([3600])]) == 24


def blocks_of_a_day(count, logs, slowdown=None):
    """Blocks of twelve pairs, ten seconds a pair."""
    return [
        block(
            [1000 * at + 10 * pair for pair in range(12)],
            logs[12 * at : 12 * at + 12],
            first=12 * at + 1,
            slowdown=slowdown,
        )
        for at in range(count)
    ]


@pytest.fixture
def detectability(tmp_path):
    """Return calibrations of four plain blocks and a slowed one, and their detectability."""
    plain = blocks_of_a_day(4, spread_evenly(48, 0.02))
    slowed = [block([9000 + 10 * pair for pair in range(12)], [0.05] * 12, first=49, slowdown=FIVE)]
    records = [record for item in (*plain, *slowed) for two in item.pairs for record in two]
    folder = calibrated(tmp_path, session(slowdowns=(FIVE,)), records)
    return Calibrations(folder), assess_detectability(Calibrations(folder), draws=50)


def test_case_itself_precedes_its_slowdowns(detectability):
    _, (same, slowed) = detectability
    assert (same.case, same.slowdown, same.blocks, same.pairs) == (NUMPY.slug, None, 4, 48)
    assert (slowed.case, slowed.slowdown, slowed.blocks, slowed.pairs) == (NUMPY.slug, FIVE, 1, 12)
    assert (same.seconds, slowed.seconds) == (10, 10)
    assert same.ratio == pytest.approx(1)
    assert slowed.ratio == pytest.approx(math.exp(0.05))


def test_slowed_case_has_no_spread(detectability):
    calibrations, (same, slowed) = detectability
    assert same.spread == estimate_spread(calibrations.blocks(NUMPY.slug))
    assert slowed.spread is None
    assert {budget.smallest for budget in slowed.budgets} == {None}


def test_each_budget_has_the_pairs_that_fit(detectability):
    calibrations, (same, slowed) = detectability
    assert [(budget.seconds, budget.pairs) for budget in same.budgets] == [
        (0.0, 10),
        (30.0, 10),
        (60.0, 10),
        (180.0, 18),
    ]
    assert tuple(budget.seconds for budget in slowed.budgets) == BUDGETS
    logs = calibrations.logs(NUMPY.slug)
    for budget in same.budgets:
        assert budget.disjoint == power.count_disjoint(logs, budget.pairs, STRICT)
        assert budget.drawn is None
        assert budget.smallest == power.smallest_slowdown(logs, budget.pairs, STRICT, 50)


def test_injected_slowdown_is_counted(detectability):
    _, (_, slowed) = detectability
    assert slowed.budgets[0].drawn == DecisionCount(50, 50, 1)
    assert slowed.budgets[0].disjoint == DecisionCount(1, 1, 1)
    # Twelve pairs are too few for windows of 18.
    assert (slowed.budgets[-1].disjoint, slowed.budgets[-1].drawn) == (None, None)
