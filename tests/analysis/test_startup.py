"""What a start costs and when it pays off: every number here is worked out by hand."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import HERE, case, ok

from bench.analysis.intervals import Interval
from bench.analysis.startup import (
    find_break_evens,
    find_frontier,
    find_lead,
)
from bench.analysis.summary import summarize

PHASES = ("import_seconds", "setup_seconds", "reset_seconds", "first_epoch_seconds")


def phases(*seconds):
    return dict(zip(PHASES, seconds, strict=True))


def names(results):
    return [result.case.implementation for result in results]


# ----- a start


def test_start_is_the_sum_of_its_four_phases():
    # Four powers of two: every sum of some of them is another number.
    (row,) = summarize([ok(case(), 3, **phases(1.0, 2.0, 4.0, 8.0))], HERE)
    assert row.start_by_round == {3: 15.0}
    assert (row.imports, row.setup, row.reset, row.first_epoch) == (1.0, 2.0, 4.0, 8.0)
    # The first timed epoch of support.records takes three times as long as the median one.
    assert row.warm_up == Interval(pytest.approx(3.0))


def test_incomplete_starts_and_other_trials_are_ignored():
    whole = ok(case(), 1, **phases(1.0, 1.0, 1.0, 1.0))
    incomplete = [ok(case(), 2, **{phase: None}) for phase in PHASES]
    untimed = ok(case(), 2, **phases(0.0, 0.0, 0.0, 0.0))
    late = ok(case(), 3, status="timeout", **phases(9.0, 9.0, 9.0, 9.0))
    figure = ok(case(), 4, kind="textbook")
    for other in (*incomplete, untimed, late, figure):
        # Rows of which half of the trials timed out are not ranked.
        records = [whole, msgspec.structs.replace(whole, round=9), other]
        assert summarize(records, HERE)[0].start_by_round == {1: 4.0, 9: 4.0}


# ----- break-even


@pytest.mark.parametrize(
    ("start_loss", "epoch_gain", "lead"),
    [
        (3, 1, (5, None)),  # level after epoch 4, ahead after epoch 5
        (2.5, 1, (4, None)),  # level between 3.5 epochs and 4
        (0, 0, (None, None)),  # always level
        (1, -1, (None, None)),
        (-1, 1, (1, None)),
        (-3, -1, (1, 3)),  # level again after epoch 4: a tie is not ahead
    ],
)
def test_lead_begins_and_ends_at_the_deciding_epoch(start_loss, epoch_gain, lead):
    assert find_lead(Fraction(start_loss), Fraction(epoch_gain)) == lead


@given(st.integers(-60, 60), st.integers(-12, 12), st.integers(1, 7))
def test_lead_matches_counting_epoch_by_epoch(start_loss, epoch_gain, unit):
    loss, gain = Fraction(start_loss, unit), Fraction(epoch_gain, unit)
    ahead = [n for n in range(1, 101) if loss < (n - 1) * gain]
    first = ahead[0] if ahead else None
    last = None if not ahead or ahead[-1] == 100 else ahead[-1]
    assert find_lead(loss, gain) == (first, last)


def timed(implementation, start, epoch, *, factors=(1.0,), **changes):
    """Trials with this start and these epochs, in seconds, times the factor of each round."""
    return [
        ok(
            case(implementation, **changes),
            number,
            **phases(0.0, 0.0, 0.0, start * factor),
            epoch_seconds=[epoch * factor] * 5,
        )
        for number, factor in enumerate(factors, 1)
    ]


def break_evens(*records):
    return find_break_evens(summarize(records, HERE))


@pytest.mark.parametrize(
    ("tuned", "simpler", "lead"),
    [
        ((10, 1), (4, 2), (8, None)),  # 10 + (n - 1) * 1 < 4 + (n - 1) * 2 from n = 8 on
        ((1, 2), (4.5, 1), (1, 4)),  # 1 + (n - 1) * 2 < 4.5 + (n - 1) * 1 up to n = 4
    ],
)
def test_faster_epochs_make_up_for_a_slower_start(tuned, simpler, lead):
    (pair,) = break_evens(*timed("tuned", *tuned, style="tuned"), *timed("plain", *simpler))
    assert (pair.ahead_from, pair.ahead_until) == lead
    assert (names([pair.tuned]), names([pair.simpler])) == (["tuned"], ["plain"])


DRIFT = (1.0, 2.0, 3.0)  # of each row, but not of the ratios of neighbours in a round


# ----- which row is done first


def frontier(*records):
    stretches = find_frontier(summarize(records, HERE))
    return [(*names([one.row]), one.first, one.certain) for one in stretches]


def test_frontier_names_who_is_done_first_from_which_epoch_on():
    records = [
        *timed("soon", 1, 4, factors=DRIFT),
        *timed("mid", 10, 2, factors=DRIFT),  # 10 + 2 m < 1 + 4 m from m = 5 on, which is n = 6
        *timed("late", 40, 1, factors=DRIFT),  # 40 + m < 10 + 2 m from m = 31 on
        *timed("never", 11, 3, factors=DRIFT),  # ahead of soon when mid is already
    ]
    assert frontier(*records) == [("soon", 1, True), ("mid", 6, True), ("late", 32, True)]
    assert frontier() == frontier(ok(case(), import_seconds=None)) == []


def test_crossing_is_uncertain_if_the_rows_cannot_be_told_apart():
    mixed = timed("mixed", 10, 3, factors=DRIFT)
    mixed[2] = msgspec.structs.replace(mixed[2], epoch_seconds=[13.0] * 5)
    assert frontier(*timed("soon", 1, 4, factors=DRIFT), *mixed)[1][2] is False
    assert frontier(*timed("a", 1, 4), *timed("b", 10, 2)) == [("a", 1, False), ("b", 6, False)]
