"""A calibration session: the order of its blocks, and the end of its budget."""

from collections import Counter
from itertools import islice

import pytest
from filelock import FileLock
from support.comparisons import session
from support.pretended import Pretended
from support.records import case

from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Slowdown
from bench.regression.calibration import session as sessions
from bench.regression.calibration.session import (
    PlannedBlock,
    generate_blocks,
    measure_session,
)
from bench.runner import lock
from bench.runner.loop import HostBusy

NUMPY, KERAS = case("numpy"), case("keras")
FIVE, FIFTH = Slowdown(0.05), Slowdown(0.2, 5)


def turns(of, count):
    """Return the first blocks as (number, implementation, slowdown)."""
    return [
        (block.number, block.case.implementation, block.slowdown)
        for block in islice(generate_blocks(of), count)
    ]


def test_blocks_alternate_with_and_without_slowdowns():
    blocks = turns(session(slowdowns=(FIVE, FIFTH)), 8)
    assert [number for number, _, _ in blocks] == list(range(1, 9))
    assert [slowdown for _, _, slowdown in blocks] == [None, FIVE, None, FIFTH] * 2


def test_each_round_has_all_cases_in_random_order():
    of = session(NUMPY, KERAS, slowdowns=(FIVE,))
    blocks = turns(of, 80)
    rounds = [blocks[at : at + 2] for at in range(0, 80, 2)]
    for one in rounds:
        assert {name for _, name, _ in one} == {"numpy", "keras"}
        assert len({slowdown for _, _, slowdown in one}) == 1
    counts = Counter(one[0][1] for one in rounds)
    assert 8 < counts["numpy"] < 32
    assert turns(of, 80) == blocks
    other = turns(session(NUMPY, KERAS, slowdowns=(FIVE,), seed=43), 80)
    assert [name for _, name, _ in other] != [name for _, name, _ in blocks]


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Run no process: a trial takes a second of the clock. The lock is the test's own."""
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    runner = Pretended()
    monkeypatch.setattr(sessions, "Runner", runner.begin)
    monkeypatch.setattr(sessions, "now", runner.now)
    return runner


@pytest.fixture
def performed(tmp_path, runner):
    """Measure a session; its events."""

    def perform(plan):
        store.create_run(tmp_path / "out", plan, CALIBRATION_PLAN)
        return measure_session(tmp_path / "out", plan, None)

    return perform


def test_budget_cuts_the_last_block_short(performed):
    # 50 seconds: two blocks of twelve pairs, 24 seconds each, and one pair more.
    blocks = list(performed(session(slowdowns=(FIVE,), budget=50.0)))
    assert [(event.block, len(event.records), event.seconds_left) for event in blocks] == [
        (PlannedBlock(1, NUMPY, None), 24, 26.0),
        (PlannedBlock(2, NUMPY, FIVE), 24, 2.0),
        (PlannedBlock(3, NUMPY, None), 2, 0.0),
    ]


def test_pairs_are_numbered_and_complete(performed, runner):
    # The last pair is complete, although the budget ends in its middle.
    list(performed(session(slowdowns=(FIVE,), budget=51.0)))
    assert [trial.round for trial in runner.trials] == sorted([*range(1, 27)] * 2)
    slowed = {trial.round for trial in runner.trials if trial.slowdown}
    assert slowed == set(range(13, 25))
    assert {trial.version for trial in runner.trials if trial.slowdown} == {"candidate"}
    assert len({trial.id for trial in runner.trials}) == 52


def test_short_session_measures_one_pair(performed, runner):
    runner.seconds = 9.0
    (block,) = performed(session(budget=1.0))
    assert (len(block.records), block.seconds_left) == (2, -17.0)


def test_session_waits_for_the_host(performed, runner):
    other = FileLock(lock.lock_path())
    other.acquire()
    events = performed(session(budget=2.0))
    assert isinstance(next(events), HostBusy)
    runner.clock += 500
    other.release()
    (block,) = events
    assert block.seconds_left == 0.0


def test_session_releases_the_host_if_closed(performed):
    events = performed(session())
    next(events)
    with lock.open_host_lock() as host:
        assert not host.take()
        events.close()
        assert host.take()
