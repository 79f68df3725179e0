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
    estimate_pair_seconds,
)
from bench.regression.calibration.spread import Calibrations, MeasuredBlock, estimate_spread
from bench.regression.stats import power
from bench.regression.stats.power import DecisionCount

NUMPY, FIVE = case("numpy"), Slowdown(0.05)


def block(starts, logs=None, first=1, slowdown=None):
    """Return a block of pairs. starts: seconds after midnight. logs: of their ratios."""

    def time(seconds):
        start = datetime(2025, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
        return start.isoformat(timespec="milliseconds")

    pairs = []
    for number, (start, log) in enumerate(zip(starts, logs or [0.0] * len(starts), strict=True)):
        late = {"started": time(start + 1), "slowdown": slowdown}
        pairs.append(
            (
                side("base", first + number, NUMPY, 1.0, started=time(start)),
                side("candidate", first + number, NUMPY, math.exp(log), **late),
            )
        )
    return MeasuredBlock("a session", time(starts[0]), tuple(pairs))


@pytest.mark.parametrize(
    ("blocks", "seconds"),
    [
        # Steps of 2, 4 | 3 seconds. The hour between the blocks does not count.
        ([[0, 2, 6], [3600, 3603]], 3),
        # Two processes of 12 s (support.records.ok).
        ([[0], [3600]], 24),
    ],
)
def test_pair_seconds_are_between_starts_of_a_block(blocks, seconds):
    assert estimate_pair_seconds([block(starts) for starts in blocks]) == pytest.approx(seconds)


def test_detectability_of_a_case_and_of_its_slowdown(tmp_path):
    # Four plain blocks and a slowed one of twelve pairs, ten seconds a pair.
    logs = spread_evenly(48, 0.02)
    blocks = [
        block(
            [1000 * at + 10 * pair for pair in range(12)], logs[12 * at : 12 * at + 12], 12 * at + 1
        )
        for at in range(4)
    ]
    blocks.append(block([9000 + 10 * pair for pair in range(12)], [0.05] * 12, 49, FIVE))
    records = [record for item in blocks for pair in item.pairs for record in pair]
    calibrations = Calibrations(calibrated(tmp_path, session(slowdowns=(FIVE,)), records))
    same, slowed = assess_detectability(calibrations, draws=50)
    assert (same.case, same.slowdown, same.blocks, same.pairs) == (NUMPY.slug, None, 4, 48)
    assert (slowed.case, slowed.slowdown, slowed.blocks, slowed.pairs) == (NUMPY.slug, FIVE, 1, 12)
    assert (same.seconds, slowed.seconds) == (10, 10)
    assert (same.ratio, slowed.ratio) == pytest.approx((1, math.exp(0.05)))
    assert same.spread == estimate_spread(calibrations.blocks(NUMPY.slug))
    assert slowed.spread is None
    assert [(budget.seconds, budget.pairs) for budget in same.budgets] == [
        *zip(BUDGETS, (10, 10, 10, 18), strict=True)
    ]
    logs = calibrations.logs(NUMPY.slug)
    for budget in same.budgets:
        assert budget.disjoint == power.count_disjoint(logs, budget.pairs, STRICT)
        assert budget.drawn is None
        assert budget.smallest == power.find_smallest_slowdown(logs, budget.pairs, STRICT, 50)
    assert {budget.smallest for budget in slowed.budgets} == {None}
    first, *_, last = slowed.budgets
    assert (first.disjoint, first.drawn) == (DecisionCount(1, 1, 1), DecisionCount(50, 50, 1))
    # Twelve pairs are too few for windows of 18.
    assert (last.disjoint, last.drawn) == (None, None)
