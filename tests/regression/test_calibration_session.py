"""A session of calibrating: what is injected, in which turns, until the time is spent."""

from collections import Counter
from itertools import islice

import pytest
from filelock import FileLock
from support.comparisons import session
from support.records import bare, case

from bench.records import store
from bench.records.schema import FORMAT, Slowdown
from bench.regression.calibration import session as sessions
from bench.regression.calibration.session import (
    PAIRS,
    PLAN,
    BlockMeasured,
    CalibrationPlan,
    PlannedBlock,
    generate_blocks,
    measure_session,
    plan_session,
)
from bench.runner import lock
from bench.runner.loop import HostBusy

NUMPY, KERAS = case("numpy"), case("keras")
FIVE, FIFTH = Slowdown(0.05), Slowdown(0.2, 5)


def planned():
    return plan_session(
        (NUMPY, KERAS),
        (FIVE,),
        budget=600.0,
        command="python -m bench calibrate",
        timeout=30.0,
        seed=7,
        data="digits",
    )


def test_session_plan_holds_its_options():
    blocks = planned()
    assert (blocks.cases, blocks.slowdowns, blocks.budget) == ((NUMPY, KERAS), (FIVE,), 600.0)
    assert (blocks.timeout, blocks.seed, blocks.data, blocks.pairs) == (30.0, 7, "digits", PAIRS)
    assert (blocks.format, blocks.command) == (FORMAT, "python -m bench calibrate")
    assert blocks.run.startswith(blocks.created[:10].replace("-", ""))


def test_session_name_is_unique():
    assert planned().run != planned().run


def test_session_plan_is_read_as_written(tmp_path):
    store.create_run(tmp_path / "one", planned(), PLAN)
    blocks = store.read_plan(tmp_path / "one" / PLAN, CalibrationPlan)
    assert (blocks.slowdowns, blocks.cases) == ((FIVE,), (NUMPY, KERAS))


def turns(of, count):
    """Return so many blocks as (number, implementation, what is injected)."""
    return [
        (one.number, one.case.implementation, one.slowdown)
        for one in islice(generate_blocks(of), count)
    ]


def test_blocks_alternate_with_and_without_slowdowns():
    blocks = turns(session(slowdowns=(FIVE, FIFTH)), 8)
    assert [number for number, _, _ in blocks] == list(range(1, 9))
    assert [slowdown for _, _, slowdown in blocks] == [None, FIVE, None, FIFTH] * 2


def test_no_slowdowns_give_plain_blocks():
    assert {slowdown for _, _, slowdown in turns(session(), 9)} == {None}


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


class Pretended:
    """A runner, and a clock that goes on by so many seconds with every trial."""

    def __init__(self, seconds=1.0):
        self.seconds, self.time, self.trials, self.places = seconds, 1000.0, [], None

    def __call__(self, folder, plan, data, *, places):
        self.places = places
        return self

    def measure(self, trial):
        self.time += self.seconds
        self.trials.append(trial)
        return bare(
            trial.case, trial.round, trial=trial.id, version=trial.version, slowdown=trial.slowdown
        )


@pytest.fixture
def performed(tmp_path, monkeypatch):
    """Perform a session with a pretended runner; the lock is the test's own."""
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))

    def perform(pretended, plan):
        monkeypatch.setattr(sessions, "Runner", pretended)
        monkeypatch.setattr(sessions, "now", lambda: pretended.time)
        return measure_session(tmp_path / "out", plan, None)

    return perform


def test_budget_cuts_the_last_block_short(performed):
    # 50 seconds: two blocks of twelve pairs, 24 seconds each, and one pair more.
    pretended = Pretended()
    blocks = list(performed(pretended, session(slowdowns=(FIVE,), budget=50.0)))
    assert [(event.block, len(event.records), event.seconds_left) for event in blocks] == [
        (PlannedBlock(1, NUMPY, None), 24, 26.0),
        (PlannedBlock(2, NUMPY, FIVE), 24, 2.0),
        (PlannedBlock(3, NUMPY, None), 2, 0.0),
    ]
    assert all(isinstance(event, BlockMeasured) for event in blocks)
    assert set(pretended.places) == {"base", "candidate"}


def test_pairs_are_numbered_and_complete(performed):
    # Of an odd second the last pair takes its two all the same.
    pretended = Pretended()
    list(performed(pretended, session(slowdowns=(FIVE,), budget=51.0)))
    assert [trial.round for trial in pretended.trials] == sorted([*range(1, 27)] * 2)
    slowed = {trial.round for trial in pretended.trials if trial.slowdown}
    assert slowed == set(range(13, 25))
    assert {trial.version for trial in pretended.trials if trial.slowdown} == {"candidate"}
    assert len({trial.id for trial in pretended.trials}) == 52


def test_short_session_measures_one_pair(performed):
    pretended = Pretended(seconds=9.0)
    (ended,) = performed(pretended, session(budget=1.0))
    assert (len(ended.records), ended.seconds_left) == (2, -17.0)


def test_session_waits_for_the_host(performed, monkeypatch):
    pretended, others = Pretended(), FileLock(lock.lock_path())
    others.acquire()
    events = performed(pretended, session(budget=2.0))
    assert isinstance(next(events), HostBusy)
    pretended.time += 500
    others.release()
    (ended,) = events
    assert ended.seconds_left == 0.0


def test_session_releases_the_host_if_closed(performed):
    events = performed(Pretended(), session())
    next(events)
    with lock.open_host_lock() as host:
        assert not host.take()
        events.close()
        assert host.take()
