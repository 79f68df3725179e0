"""Which program is done first with how many epochs, start included.

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

from bench.analysis.intervals import ENOUGH, estimate_typical
from bench.analysis.ranking import compare_all
from bench.analysis.summary import Row

# Who is done first is looked for up to this many epochs: five minutes and more of training, on the
# machines of the published runs.
MAX_EPOCHS = 10_000


@dataclass(frozen=True, slots=True)
class Lead:
    """The numbers of epochs, start included, after which a row is done before all others.

    first: the smallest number of epochs. certain: whether the row that was ahead before has
    certainly a shorter start and longer epochs. The first lead, from 1 epoch on, is certain if
    no other row may have the shortest start. interval: the 95 % interval of the first number; None
    for the first lead, and where in some round the row does not overtake the one before.
    """

    row: Row
    first: int
    certain: bool
    interval: tuple[int, int] | None = None


def sum_typical(row: Row) -> NDArray[np.float64]:
    """Return the seconds from a cold start until 1, 2 ... MAX_EPOCHS epochs are trained."""
    starts = np.array(list(row.start.by_round.values()))
    epochs = np.array([row.epochs_by_round[number] for number in row.start.by_round])
    totals: NDArray[np.float64] = np.median(
        starts[:, None] + epochs[:, None] * np.arange(MAX_EPOCHS), axis=0
    )
    return totals


def find_frontier(rows: Sequence[Row]) -> list[Lead]:
    """Return which of comparable rows is done first, from each number of epochs on."""
    started = [row for row in rows if row.ranked and row.start.by_round]
    if not started:
        return []
    # Of rows that are level, the first one counts.
    started.sort(key=lambda row: median(row.start.by_round.values()))
    totals = np.stack([sum_typical(row) for row in started])
    first = totals.argmin(axis=0)
    starts = compare_all(started, lambda row: row.start.by_round)
    epochs = compare_all(started)
    alone = all(starts.is_slower(row.case.slug, started[0].case.slug) for row in started[1:])
    leads = [Lead(started[first[0]], 1, alone)]
    for number in np.flatnonzero(np.diff(first)) + 1:
        before, row = leads[-1].row, started[first[number]]
        slugs = row.case.slug, before.case.slug
        certain = starts.is_slower(*slugs) and epochs.is_slower(*reversed(slugs))
        overtaking = estimate_overtaking(row, before, int(number) + 1)
        leads.append(Lead(row, int(number) + 1, certain, overtaking))
    return leads


def estimate_overtaking(row: Row, before: Row, first: int) -> tuple[int, int] | None:
    """Return the 95 % interval of the number of epochs from which a row is done before another.

    From the number in each round that both rows share, widened to include first, the number by the
    medians. None with few rounds, and if the row does not overtake in every round.
    """
    numbers = []
    for number in row.start.by_round.keys() & before.start.by_round.keys():
        late = row.start.by_round[number] - before.start.by_round[number]
        gain = before.epochs_by_round[number] - row.epochs_by_round[number]
        if late <= 0 or gain <= 0:
            return None
        numbers.append(1 + late / gain)
    if len(numbers) < ENOUGH:
        return None
    interval = estimate_typical(numbers)
    if interval.low is None or interval.high is None:
        return None
    low, high = (math.floor(bound) + 1 for bound in (interval.low, interval.high))
    return min(low, first), max(high, first)
