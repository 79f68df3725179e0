"""Compare rows of one problem, and find which differences are certain."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Generic

from bench.analysis.intervals import (
    MAX_LOG,
    Interval,
    Key,
    compute_t_quantile,
    count_outside,
    estimate_ratio,
    estimate_typical,
    find_range,
)
from bench.analysis.summary import TWO_GROUPS, Row, identify_size

# Of fewer processes, all are in the slower of two groups too often, and look like one group.
ENOUGH = 5
# Rows of a table may have unlike noise: the gap between two must be wider by this factor.
SAFETY = 1.5


class Comparison(Generic[Key]):
    """How many times as long the cases of a table take as one another.

    With probability 95 %, the intervals of all pairs hold at once. Two cases differ if theirs
    excludes 1: this one decision makes columns of ratios, ties and leaders.
    """

    def __init__(
        self, times: Mapping[Key, Mapping[int, float]], apart: Collection[Key] = ()
    ) -> None:
        """Compare cases by their processes. times: seconds of each case, by round.

        apart: cases that wait. Their noise is not the machine's, and counts where they are compared
        themselves.
        """
        self._apart = apart
        self._logs = {key: sorted(map(math.log, own.values())) for key, own in times.items()}
        self._squares = {
            key: sum((log - fmean(logs)) ** 2 for log in logs) for key, logs in self._logs.items()
        }

    def is_slower(self, key: Key, other: Key) -> bool:
        """Return whether a case is certainly slower than another."""
        return self._find_least(key, other) > 0

    def estimate(self, key: Key, other: Key) -> Interval:
        """Return how many times as long a case takes as another; no bounds if one was run once."""
        if key == other:
            return Interval(1.0, 1.0, 1.0)
        ratio = median(self._logs[key]) - median(self._logs[other])
        low, high = self._find_least(key, other), -self._find_least(other, key)
        if max(-low, high) > MAX_LOG:
            return Interval(math.exp(ratio))
        return Interval(math.exp(ratio), math.exp(low), math.exp(high))

    def _find_least(self, key: Key, other: Key) -> float:
        """Return the logarithm of the least ratio of two cases; minus infinity if it is unknown.

        It is the lesser of two bounds. One is of the difference of the medians, by the noise of the
        other cases: a median of n values has the standard error sqrt(pi / 2 / n). The other is the
        gap from the processes of the faster case, without the slowest of three or more, to those of
        the slower one, less a multiple of the noise, or, with fewer than ENOUGH processes, of the
        gap between its own two fastest.

        A case's own noise does not count: a slow process must not make it less certainly slower.
        """
        logs, others = self._logs[key], self._logs[other]
        if min(len(logs), len(others)) < 2:
            return -math.inf
        outside = max(count_outside(len(others)), int(len(others) > 2))
        gap = find_range(logs)[0] - others[-1 - outside]
        difference = median(logs) - median(others)
        error = math.sqrt(math.pi / 2 * (1 / len(logs) + 1 / len(others)))
        many = min(len(logs), len(others)) >= ENOUGH
        pools = [[one for one in self._logs if one == other or one not in {key, *self._apart}]]
        if many:  # without cases in two groups, whose noise is not the machine's
            ends = {one: self._logs[one][-1] - median(self._logs[one]) for one in pools[0]}
            pools.append([one for one, end in ends.items() if end <= math.log(TWO_GROUPS)])
        bounds = [-math.inf]
        for pool in pools:
            if freedom := sum(len(self._logs[one]) - 1 for one in pool):
                noise = math.sqrt(sum(self._squares[one] for one in pool) / freedom)
                margin = compute_t_quantile(freedom, math.comb(len(self._logs), 2)) * noise * error
                own = SAFETY * (noise if many else max(noise, logs[1] - logs[0]))
                bounds.append(min(difference - margin, gap - own))
        return max(bounds)


def compare_epochs(slower: Row, faster: Row) -> Interval | None:
    """Return how many times longer an epoch of one row typically takes than of another."""
    return compare_rounds(slower.adjusted_by_round, faster.adjusted_by_round)


def compare_rounds(slower: Mapping[int, float], faster: Mapping[int, float]) -> Interval | None:
    """Return the typical ratio of two cases' times, paired by round; None if no round has both.

    Trials of one round ran one after the other, so their ratio is free of the machine's drift.
    That of adjusted epochs is also free of jumps of the machine's speed.
    """
    ratios = [slower[number] / faster[number] for number in slower.keys() & faster.keys()]
    return estimate_typical(ratios) if ratios else None


def compare_machines(row: Row, base: Row) -> Interval | None:
    """Return how many times as fast a row is as the base row; None unless both are ranked.

    Rows of two machines share no round: their processes are independent samples. Two devices of
    one machine are compared round by round, which removes the machine's drift.
    """
    if not row.ranked or not base.ranked:
        return None
    if row.machine == base.machine:
        return compare_epochs(base, row)
    return estimate_ratio(list(base.epochs_by_round.values()), list(row.epochs_by_round.values()))


def group_by_machine(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each machine: rows of two machines are not comparable."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.machine].append(row)
    return groups


def select_comparable(rows: Iterable[Row], row: Row) -> list[Row]:
    """Return the ranked rows of the same machine, objective, workload, device and size."""
    problem = (row.case.objective, *_identify_problem(row))
    return [
        other
        for other in rows
        if other.ranked and (other.case.objective, *_identify_problem(other)) == problem
    ]


def _identify_problem(row: Row) -> tuple[object, ...]:
    """Return what rows must have in common to be compared, except the objective."""
    return row.case.workload, row.case.device, *identify_size(row.case), row.machine


def find_ties(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the neighbours by epoch time of which it is not certain which is faster."""
    ties: list[tuple[Row, Row]] = []
    for row in rows:
        group = select_comparable(rows, row)
        if group and group[0] is row:
            table = compare_all(group)
            ties += [
                (faster, slower)
                for faster, slower in pairwise(group)
                if not table.is_slower(slower.case.slug, faster.case.slug)
                and not table.is_slower(faster.case.slug, slower.case.slug)
            ]
    return ties


def compare_all(rows: Iterable[Row]) -> Comparison[str]:
    """Compare the epochs of comparable rows, by their slugs."""
    rows = list(rows)
    times = {row.case.slug: row.adjusted_by_round for row in rows}
    return Comparison(times, {row.case.slug for row in rows if row.waits})


def compare_to_fastest(
    rows: Sequence[Row],
    row: Row,
    list_times: Callable[[Row], Mapping[int, float]] = lambda row: row.adjusted_by_round,
) -> Interval | None:
    """Return the ratio to the fastest softmax row of the same problem; None for one-vs-rest.

    That solves another problem, with an update for each image. list_times: returns what is
    compared of a row, by round.
    """
    table = [
        other
        for other in rows
        if other.ranked
        and other.case.objective == "softmax"
        and _identify_problem(other) == _identify_problem(row)
        and list_times(other)
    ]
    peers = {other.case.slug: list_times(other) for other in table}
    if row.case.slug not in peers:
        return None
    fastest = min(peers, key=lambda slug: estimate_typical(list(peers[slug].values())).mean)
    waiting = {other.case.slug for other in table if other.waits}
    return Comparison(peers, waiting).estimate(row.case.slug, fastest)
