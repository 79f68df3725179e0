"""What a start costs and when it pays off: every number here is worked out by hand."""

from dataclasses import replace
from statistics import median

import msgspec
import pytest
from support.records import HERE, case, ok

from bench.analysis.intervals import Interval
from bench.analysis.startup import (
    MAX_EPOCHS,
    find_frontier,
    sum_typical,
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
    assert row.start.by_round == {3: 15.0}
    start = row.start
    assert (start.imports, start.setup, start.reset, start.first_epoch) == (1.0, 2.0, 4.0, 8.0)
    # The first timed epoch of support.records takes three times as long as the median one.
    assert row.start.warm_up == Interval(pytest.approx(3.0))


def test_warm_starts_are_kept_apart_from_trials():
    cold = [ok(case(), number, **phases(1.0, 2.0, 4.0, 8.0)) for number in (1, 2)]
    warm = [
        msgspec.structs.replace(record, warm_start_seconds=seconds)
        for record, seconds in zip(cold, (1.4375, 1.6875), strict=True)
    ]
    found = ok(case(), 3, **phases(1.0, 0.25, 0.125, 0.0625), found_cache_bytes=1)
    (row,), (alone,) = summarize([*warm, found], HERE), summarize([*cold, found], HERE)
    assert row.start.warm_by_round == {1: 1.4375, 2: 1.6875, 3: 1.4375}
    assert row.start.warm.low < 1.4375 < row.start.warm.high
    assert alone.start.warm_by_round == {3: 1.4375}
    assert replace(row, start=alone.start) == alone


def test_incomplete_starts_and_other_trials_are_ignored():
    whole = ok(case(), 1, **phases(1.0, 1.0, 1.0, 1.0))
    incomplete = [ok(case(), 2, **{phase: None}) for phase in PHASES]
    untimed = ok(case(), 2, **phases(0.0, 0.0, 0.0, 0.0))
    late = ok(case(), 3, status="timeout", **phases(9.0, 9.0, 9.0, 9.0))
    figure = ok(case(), 4, kind="textbook")
    for other in (*incomplete, untimed, late, figure):
        # Rows of which half of the trials timed out are not ranked.
        records = [whole, msgspec.structs.replace(whole, round=9), other]
        assert summarize(records, HERE)[0].start.by_round == {1: 4.0, 9: 4.0}


def test_time_of_epochs_is_the_median_of_the_processes():
    # After 1 epoch 1, 2 and 5 s; after 101 epochs 401, 102 and 205 s.
    records = [
        ok(case(), number, **phases(0.0, 0.0, 0.0, start), epoch_seconds=[epoch] * 5)
        for number, (start, epoch) in enumerate([(1.0, 4.0), (2.0, 1.0), (5.0, 2.0)], 1)
    ]
    (row,) = summarize(records, HERE)
    totals = sum_typical(row)
    assert (totals[0], totals[100]) == (2.0, 205.0)
    assert len(totals) == MAX_EPOCHS
    assert all(totals[n - 1] == median(row.sum_epochs(n).values()) for n in (1, 2, 3, 5, 100))


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


NOISE = (0.99, 1.0, 1.01)


# ----- which row is done first


def frontier(*records):
    stretches = find_frontier(summarize(records, HERE))
    return [(*names([one.row]), one.first, one.certain) for one in stretches]


def test_frontier_names_who_is_done_first_from_which_epoch_on():
    records = [
        *timed("soon", 1, 4, factors=NOISE),
        *timed("mid", 10, 2, factors=NOISE),  # 10 + 2 m < 1 + 4 m from m = 5 on, which is n = 6
        *timed("late", 40, 1, factors=NOISE),  # 40 + m < 10 + 2 m from m = 31 on
        *timed("never", 11, 3, factors=NOISE),  # ahead of soon when mid is already
    ]
    assert frontier(*records) == [("soon", 1, True), ("mid", 6, True), ("late", 32, True)]
    assert frontier() == frontier(ok(case(), import_seconds=None)) == []


def test_crossing_is_uncertain_if_the_rows_cannot_be_told_apart():
    mixed = timed("mixed", 10, 3, factors=NOISE)
    mixed[2] = msgspec.structs.replace(mixed[2], epoch_seconds=[13.0] * 5)
    assert frontier(*timed("soon", 1, 4, factors=NOISE), *mixed)[1][2] is False
    assert frontier(*timed("a", 1, 4), *timed("b", 10, 2)) == [("a", 1, False), ("b", 6, False)]


@pytest.mark.parametrize(
    ("slow_epochs", "interval"),
    [
        # 9 s later and 3, 2, 2, 2, 1.5 or 1 s an epoch faster: level after 1 + 9/3 = 4 to 1 + 9/1
        # = 10 epochs, so ahead from 5 to 11. The interval of six values is their range.
        ([5.0, 4.0, 4.0, 4.0, 3.5, 3.0], (5, 11)),
        # In the last round it is not faster.
        ([5.0, 4.0, 4.0, 4.0, 3.5, 2.0], None),
        ([4.0], None),
    ],
)
def test_interval_of_a_crossing_by_hand(slow_epochs, interval):
    def rounds(name, start, epochs):
        return [
            ok(case(name), number, **phases(0.0, 0.0, 0.0, start), epoch_seconds=[epoch] * 5)
            for number, epoch in enumerate(epochs, 1)
        ]

    soon = rounds("soon", 1.0, slow_epochs)
    late = rounds("late", 10.0, [2.0] * len(slow_epochs))
    crossing = find_frontier(summarize([*soon, *late], HERE))[-1]
    assert (*names([crossing.row]), crossing.first) == ("late", 6)
    assert crossing.interval == interval
