"""A calibration session: the order of its blocks, and the end of its budget."""

from collections import Counter
from itertools import islice

import pytest
from support.comparisons import session
from support.pretended import Pretended
from support.records import case

from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Slowdown
from bench.regression.calibration import session as sessions
from bench.regression.calibration.session import generate_blocks, measure_session

NUMPY, KERAS = case("numpy"), case("keras")
FIVE, FIFTH = Slowdown(0.05), Slowdown(0.2, 5)


def blocks(plan, count):
    """Return the first blocks as (implementation, slowdown)."""
    return [
        (case.implementation, slowdown) for case, slowdown in islice(generate_blocks(plan), count)
    ]


def test_blocks_alternate_with_and_without_slowdowns():
    slowdowns = [slowdown for _, slowdown in blocks(session(slowdowns=(FIVE, FIFTH)), 8)]
    assert slowdowns == [None, FIVE, None, FIFTH] * 2


def test_each_round_has_all_cases_in_random_order():
    plan = session(NUMPY, KERAS, slowdowns=(FIVE,))
    order = blocks(plan, 80)
    rounds = [order[at : at + 2] for at in range(0, 80, 2)]
    for one in rounds:
        assert {name for name, _ in one} == {"numpy", "keras"}
        assert len({slowdown for _, slowdown in one}) == 1
    assert 8 < Counter(one[0][0] for one in rounds)["numpy"] < 32
    assert blocks(plan, 80) == order
    assert blocks(session(NUMPY, KERAS, slowdowns=(FIVE,), seed=43), 80) != order


@pytest.mark.parametrize(
    ("budget", "seconds", "pairs"),
    [
        (50.0, 1.0, 25),  # two blocks of twelve pairs, 24 seconds each, and one pair more
        (51.0, 1.0, 26),  # the last pair is complete, although the budget ends in its middle
        (1.0, 9.0, 1),
    ],
)
def test_budget_cuts_the_last_block_short(tmp_path, monkeypatch, budget, seconds, pairs):
    runner = Pretended(seconds=seconds)
    monkeypatch.setattr(sessions, "Runner", runner.begin)
    monkeypatch.setattr(sessions, "now", runner.now)
    plan = session(slowdowns=(FIVE,), budget=budget)
    store.create_run(tmp_path / "out", plan, CALIBRATION_PLAN)
    lines = list(measure_session(tmp_path / "out", plan, None))
    assert len(lines) == -(-pairs // 12)
    assert [trial.round for trial in runner.trials] == sorted([*range(1, pairs + 1)] * 2)
    assert len({trial.id for trial in runner.trials}) == 2 * pairs
    slowed = [(trial.version, trial.round) for trial in runner.trials if trial.slowdown]
    assert slowed == [("candidate", number) for number in range(13, 25) if number <= pairs]
