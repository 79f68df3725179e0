"""What a calibration shows: pairs that fit into a time, and what they find."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from support.comparisons import calibrated, session, side, spread_evenly
from support.records import case

from bench.records.schema import Slowdown
from bench.regression.calibration import detectable
from bench.regression.calibration.detectable import BUDGETS, STRICT, pair_seconds, pairs_in, sights
from bench.regression.calibration.spread import Block, Calibrated, spread
from bench.regression.stats import power
from bench.regression.stats.power import Counted

NUMPY, FIVE = case("numpy"), Slowdown(0.05)
BEGAN = datetime(2025, 1, 2, tzinfo=UTC)


def after(seconds):
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def block(starts, logs=None, first=1, slowdown=None):
    """A block of pairs that started so many seconds after midnight; logs: of their ratios."""
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
    return Block("a session", after(starts[0]), tuple(pairs))


@pytest.mark.parametrize(
    ("budget", "seconds", "pairs"),
    [(30, 2.0, 15), (30, 1.6, 18), (180, 1.6, 112), (30, 3.0, 10), (30, 60.0, 10), (0, 2.0, 10)],
)
def test_a_time_holds_whole_pairs_and_ten_at_least(budget, seconds, pairs):
    assert pairs_in(budget, seconds) == pairs


def test_a_pair_takes_from_its_start_to_the_next_within_a_block():
    # Steps of 2, 4 | 3 seconds; between the blocks lies an hour that is nobody's.
    assert pair_seconds([block([0, 2, 6]), block([3600, 3603])]) == pytest.approx(3)


def test_a_pair_that_began_with_the_candidate_began_then():
    base, candidate = block([5]).pairs[0]
    early = side("candidate", 2, NUMPY, 1.0, started=after(8))
    late = side("base", 2, NUMPY, 1.0, started=after(9))
    assert pair_seconds([Block("one", after(5), ((base, candidate), (late, early)))]) == 3


def test_pairs_that_have_no_neighbour_take_what_their_processes_took():
    # Twelve seconds each (records.ok).
    assert pair_seconds([block([0]), block([3600])]) == 24


def blocks_of_a_day(count, logs, slowdown=None):
    """Blocks of twelve pairs, ten seconds a pair."""
    return [
        block([1000 * at + 10 * pair for pair in range(12)], logs[12 * at : 12 * at + 12],
              first=12 * at + 1, slowdown=slowdown)
        for at in range(count)
    ]  # fmt: skip


@pytest.fixture
def found(tmp_path):
    """Sights of four plain blocks, forty-eight pairs, and of one with a slowdown."""
    plain = blocks_of_a_day(4, spread_evenly(48, 0.02))
    slowed = [block([9000 + 10 * pair for pair in range(12)], [0.05] * 12, first=49, slowdown=FIVE)]
    records = [record for each in (*plain, *slowed) for two in each.pairs for record in two]
    folder = calibrated(tmp_path, session(slowdowns=(FIVE,)), records)
    return Calibrated(folder), sights(Calibrated(folder), draws=50)


def test_a_case_is_seen_against_itself_first_and_then_with_what_was_injected(found):
    _, (same, slowed) = found
    assert (same.slug, same.slowdown, same.blocks, same.pairs) == (NUMPY.slug, None, 4, 48)
    assert (slowed.slug, slowed.slowdown, slowed.blocks, slowed.pairs) == (NUMPY.slug, FIVE, 1, 12)
    assert (same.seconds, slowed.seconds) == (10, 10)
    assert same.ratio == pytest.approx(1)
    assert slowed.ratio == pytest.approx(math.exp(0.05))


def test_only_what_is_the_same_has_a_spread_and_a_smallest_slowdown(found):
    known, (same, slowed) = found
    assert same.spread == spread(known.blocks(NUMPY.slug))
    assert slowed.spread is None
    assert {seen.smallest for seen in slowed.seen} == {None}


def test_every_budget_is_seen_with_the_pairs_that_fit(found):
    known, (same, slowed) = found
    assert [(seen.seconds, seen.pairs) for seen in same.seen] == [
        (0.0, 10), (30.0, 10), (60.0, 10), (180.0, 18),
    ]  # fmt: skip
    assert tuple(seen.seconds for seen in slowed.seen) == BUDGETS
    logs = known.logs(NUMPY.slug)
    for seen in same.seen:
        assert seen.disjoint == power.disjoint(logs, seen.pairs, STRICT)
        assert seen.drawn == power.drawn(logs, seen.pairs, STRICT, 50, swap=True)
        assert seen.smallest == power.smallest(logs, seen.pairs, STRICT, 50)


def test_what_was_injected_is_found_and_not_swapped(found):
    _, (_, slowed) = found
    assert slowed.seen[0].drawn == Counted(50, 50, 1)
    assert slowed.seen[0].disjoint == Counted(1, 1, 1)
    # Eighteen pairs do not come of twelve.
    assert (slowed.seen[-1].disjoint, slowed.seen[-1].drawn) == (None, None)


def test_of_fewer_pairs_than_a_decision_takes_nothing_is_drawn():
    # The smallest that more pairs would find is drawn from fewer, but not from next to none.
    for count, told in ((9, False), (10, True)):
        seen = detectable._seen([0.01, -0.01] * 4 + [0.0] * (count - 8), 180, 10.0, 20, same=True)
        assert seen.pairs == 18
        assert (seen.disjoint, seen.drawn) == (None, None)
        assert (seen.smallest is not None) == told


def test_where_nothing_went_well_nothing_is_seen(tmp_path):
    assert sights(Calibrated(tmp_path)) == []
