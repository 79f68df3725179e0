"""After how many epochs a slow start pays off, and which program is done first.

Only ranked rows are included: a time is published beside its correctness. Times exclude starting
Python, reading the data, and what the suite does between phases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bench.analysis.intervals import estimate_typical
from bench.analysis.ranking import (
    compare_epochs,
    compare_rounds,
    find_leading,
    find_ties,
    select_comparable,
)
from bench.analysis.summary import Row


@dataclass(frozen=True, slots=True)
class BreakEven:
    """After how many epochs, counted from a fresh process, a tuned row is ahead of a simpler one.

    ahead_from: the first number of epochs after which it is ahead: 1 means at once, None never.
    ahead_until: the last such number, for a row that starts sooner but has slower epochs; None for
        a row that stays ahead, or never is.
    certain: whether the intervals of both ratios, of the starts and of the epochs, exclude 1. If
        not, other processes may give another answer, including "never".
    """

    tuned: Row
    simpler: Row
    ahead_from: int | None
    ahead_until: int | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """The numbers of epochs, start included, after which a row is done before all others.

    first: the smallest number of epochs. certain: whether the row that was ahead before has
    certainly a shorter start and longer epochs. The first stretch, from 1 epoch on, is certain if
    no other row may have the shortest start.
    """

    row: Row
    first: int
    certain: bool


def find_break_evens(rows: Sequence[Row]) -> list[BreakEven]:
    """Compare every tuned row with every idiomatic one of the same problem, in table order.

    Skips users' own files, and pairs of which a start is missing.
    """
    break_evens = []
    for tuned in rows:
        if not tuned.ranked or tuned.case.style != "tuned" or not tuned.start_by_round:
            continue
        for simpler in select_comparable(rows, tuned):
            if simpler.case.style == "idiomatic" and simpler.start_by_round:
                lead = find_lead(
                    _typical_start(tuned) - _typical_start(simpler),
                    _typical_epoch(simpler) - _typical_epoch(tuned),
                )
                break_evens.append(BreakEven(tuned, simpler, *lead, _differ(tuned, simpler)))
    return break_evens


def _differ(one: Row, other: Row) -> bool:
    """Return whether the intervals of both ratios, of the starts and of the epochs, exclude 1."""
    ratios = compare_rounds(one.start_by_round, other.start_by_round), compare_epochs(other, one)
    return all(ratio is not None and ratio.excludes(1) for ratio in ratios)


# Exact fractions: rounding must not decide whether a lead begins after epoch 4 or 5.
def _typical_start(row: Row) -> Fraction:
    return Fraction(estimate_typical(list(row.start_by_round.values())).mean)


def _typical_epoch(row: Row) -> Fraction:
    return Fraction(estimate_typical(list(row.epochs_by_round.values())).mean)


def find_frontier(rows: Sequence[Row]) -> list[Stretch]:
    """Return which of comparable rows is done first, from each number of epochs on.

    As in ``find_break_evens``, n epochs take the typical start and n - 1 typical epochs.
    """
    started = sorted(
        (row for row in rows if row.ranked and row.start_by_round),
        key=lambda row: (_typical_start(row), _typical_epoch(row)),
    )
    if not started:
        return []
    alone = find_leading([row.start_by_round for row in started]) == [0]
    stretches = [Stretch(started[0], 1, alone)]
    ties = [{id(faster), id(slower)} for faster, slower in find_ties(rows)]
    while True:
        before = stretches[-1].row
        leads = []
        for row in started:
            gain = _typical_epoch(before) - _typical_epoch(row)
            number, _ = find_lead(_typical_start(row) - _typical_start(before), gain)
            if gain > 0 and number is not None:
                seconds = _typical_start(row) + (number - 1) * _typical_epoch(row)
                leads.append((number, seconds, row))
        if not leads:
            return stretches
        number, _, row = min(leads, key=lambda lead: lead[:2])
        certain = _differ(row, before) and {id(before), id(row)} not in ties
        stretches.append(Stretch(row, number, certain))


def find_lead(start_loss: Fraction, epoch_gain: Fraction) -> tuple[int | None, int | None]:
    """Return the first and the last number of epochs after which one row is ahead of another.

    start_loss: how much longer its start takes. epoch_gain: how much shorter each further epoch is.
    After n epochs it is ahead if ``start_loss < (n - 1) * epoch_gain``; a tie is not ahead. The
    first is None if it is never ahead; the last is None if it stays ahead or never is.

    >>> find_lead(Fraction(3), Fraction(1))  # level after epoch 4, ahead after epoch 5
    (5, None)
    >>> find_lead(Fraction(-3), Fraction(-1))  # level after epoch 4, ahead up to epoch 3
    (1, 3)
    """
    if start_loss < 0:
        return 1, math.ceil(start_loss / epoch_gain) if epoch_gain < 0 else None
    return (math.floor(start_loss / epoch_gain) + 2 if epoch_gain > 0 else None), None
