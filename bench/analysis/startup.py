"""After how many epochs a slow start pays off, and which program is done first.

The time of n epochs is the median of the row's processes, as in the report's tables and charts
(``Row.sum_epochs``). Only ranked rows are included: a time is published beside its correctness.
Times exclude starting Python, reading the data, and what the suite does between phases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import estimate_typical
from bench.analysis.ranking import Comparison, compare_all, select_comparable
from bench.analysis.summary import Row

# Who is done first is looked for up to this many epochs: five minutes and more of training, on the
# machines of the published runs.
MAX_EPOCHS = 10_000


@dataclass(frozen=True, slots=True)
class BreakEven:
    """After how many epochs, counted from a fresh process, a tuned row is ahead of a simpler one.

    ahead_from: the first number of epochs after which it is ahead: 1 means at once, None not within
        MAX_EPOCHS.
    ahead_until: the last such number, for a row that starts sooner but has slower epochs; None for
        a row that stays ahead, or never is.
    certain: whether both the starts and the epochs differ. If not, other processes may give
        another answer, including "never".
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
    no other row may have the shortest start. interval: the 95 % interval of the first number; None
    for the first stretch, and where in some round the row does not overtake the one before.
    """

    row: Row
    first: int
    certain: bool
    interval: tuple[int, int] | None = None


def find_break_evens(rows: Sequence[Row]) -> list[BreakEven]:
    """Compare every tuned row with every idiomatic one of the same problem, in table order.

    Skips users' own files, and pairs of which a start is missing.
    """
    break_evens = []
    for tuned in rows:
        if not tuned.ranked or tuned.case.style != "tuned" or not tuned.start.by_round:
            continue
        peers = select_comparable(rows, tuned)
        tables = compare_starts(peers), compare_all(peers)
        for simpler in peers:
            if simpler.case.style == "idiomatic" and simpler.start.by_round:
                lead = find_lead(sum_typical(tuned), sum_typical(simpler))
                slugs = tuned.case.slug, simpler.case.slug
                certain = all(table.estimate(*slugs).excludes(1) for table in tables)
                break_evens.append(BreakEven(tuned, simpler, *lead, certain))
    return break_evens


def compare_starts(rows: Sequence[Row]) -> Comparison[str]:
    """Compare the cold starts of comparable rows, by their slugs."""
    return Comparison({row.case.slug: row.start.by_round for row in rows if row.start.by_round})


def sum_typical(row: Row) -> NDArray[np.float64]:
    """Return the seconds from a cold start until 1, 2 ... MAX_EPOCHS epochs are trained."""
    starts = np.array(list(row.start.by_round.values()))
    epochs = np.array([row.epochs_by_round[number] for number in row.start.by_round])
    totals: NDArray[np.float64] = np.median(
        starts[:, None] + epochs[:, None] * np.arange(MAX_EPOCHS), axis=0
    )
    return totals


def find_lead(
    times: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[int | None, int | None]:
    """Return the first and the last number of epochs after which one row is ahead of another.

    times, others: of both rows, as ``sum_typical`` returns them; a tie is not ahead. The first is
    None if it is never ahead; the last is None if it stays ahead, or never is.
    """
    ahead = np.flatnonzero(times < others) + 1
    if not len(ahead):
        return None, None
    return int(ahead[0]), None if ahead[-1] == len(times) else int(ahead[-1])


def find_frontier(rows: Sequence[Row]) -> list[Stretch]:
    """Return which of comparable rows is done first, from each number of epochs on."""
    started = [row for row in rows if row.ranked and row.start.by_round]
    if not started:
        return []
    # Of rows that are level, the first one counts.
    started.sort(key=lambda row: median(row.start.by_round.values()))
    totals = np.stack([sum_typical(row) for row in started])
    first = totals.argmin(axis=0)
    starts, epochs = compare_starts(started), compare_all(row for row in rows if row.ranked)
    alone = all(starts.is_slower(row.case.slug, started[0].case.slug) for row in started[1:])
    stretches = [Stretch(started[first[0]], 1, alone)]
    for number in np.flatnonzero(np.diff(first)) + 1:
        before, row = stretches[-1].row, started[first[number]]
        slugs = row.case.slug, before.case.slug
        certain = starts.is_slower(*slugs) and epochs.is_slower(*reversed(slugs))
        overtaking = estimate_overtaking(row, before, int(number) + 1)
        stretches.append(Stretch(row, int(number) + 1, certain, overtaking))
    return stretches


def estimate_overtaking(row: Row, before: Row, first: int) -> tuple[int, int] | None:
    """Return the 95 % interval of the number of epochs from which a row is done before another.

    From the number in each round that both rows share, widened to include first, the number by the
    medians. None with a single round, and if the row does not overtake in every round.
    """
    numbers = []
    for number in row.start.by_round.keys() & before.start.by_round.keys():
        late = row.start.by_round[number] - before.start.by_round[number]
        gain = before.epochs_by_round[number] - row.epochs_by_round[number]
        if late <= 0 or gain <= 0:
            return None
        numbers.append(1 + late / gain)
    if len(numbers) < 2:
        return None
    interval = estimate_typical(numbers)
    if interval.low is None or interval.high is None:
        return None
    low, high = (math.floor(bound) + 1 for bound in (interval.low, interval.high))
    return min(low, first), max(high, first)
