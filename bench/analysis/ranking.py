"""Compare rows of one problem, and find which differences are certain."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Generic

from bench.analysis.intervals import (
    ENOUGH,
    TWO_GROUPS,
    Interval,
    Key,
    Traits,
    compute_t_quantile,
    count_outside,
    divide_intervals,
    estimate_typical,
    find_range,
    share_noise,
)
from bench.analysis.summary import Row

# Rows of a table may have unlike noise: the gap between two must be wider by this factor.
SAFETY = 1.5


class Ranking(Generic[Key]):
    """How many times as long the cases of a table take as one another.

    Each interval of a ratio holds by itself with probability 95 %. Whether two cases differ is
    decided for all pairs of the table at once: this makes leaders, ties and the stopping rule.
    """

    def __init__(self, table: Mapping[Key, tuple[Mapping[int, float], Traits]]) -> None:
        """Compare cases by their processes: seconds of each, by round, and its traits.

        The noise of a case that waits is not the machine's, and counts where it is compared itself.
        """
        self._apart = {key for key, (_, traits) in table.items() if traits.waits}
        self._logs = {
            key: sorted(map(math.log, seconds.values())) for key, (seconds, _) in table.items()
        }
        means = {key: fmean(logs) for key, logs in self._logs.items()}
        self._squares = {
            key: sum((log - means[key]) ** 2 for log in logs) for key, logs in self._logs.items()
        }
        noise = share_noise(table)
        self.typical = {
            key: estimate_typical(list(seconds.values()), noise[key])
            for key, (seconds, _) in table.items()
        }

    @property
    def fastest(self) -> Key:
        """The case whose median process is the fastest."""
        return min(self._logs, key=lambda key: median(self._logs[key]))

    def is_slower(self, key: Key, other: Key) -> bool:
        """Return whether a case is certainly slower than another."""
        return self._find_least(key, other, math.comb(len(self._logs), 2)) > 0

    def is_behind(self, key: Key, leader: Key) -> bool:
        """Return whether a case is certainly slower than the fastest one.

        For all comparisons with that at once, which are fewer. Source: J. C. Hsu, "Simultaneous
        confidence intervals for all distances from the best", Annals of Statistics 9 (1981).
        """
        return self._find_least(key, leader, len(self._logs) - 1) > 0

    def differ(self, key: Key, other: Key) -> bool:
        """Return whether it is certain which of two cases is slower."""
        return self.is_slower(key, other) or self.is_slower(other, key)

    def estimate(self, key: Key, other: Key) -> Interval:
        """Return how many times as long a case takes as another; no bounds if one was run once."""
        if key == other:
            return Interval(1.0, 1.0, 1.0)
        return divide_intervals(self.typical[key], self.typical[other])

    def _find_least(self, key: Key, other: Key, family: int) -> float:
        """Return the logarithm of the least ratio of two cases; minus infinity if it is unknown.

        family: number of comparisons that hold at once.

        It is the lesser of two bounds. One is of the difference of the medians, by the noise of the
        other cases: a median of n values has the standard error sqrt(pi / 2 / n). The other is the
        gap from the processes of the faster case, without the slowest of three or more, to those of
        the slower one, less a multiple of the noise, or, with fewer than ENOUGH processes, of the
        gap between its own two fastest.

        A case's own noise does not count: a slow process must not make it less certainly slower.
        The noise that intervals share is not used: without the noisiest rows, these would differ
        too often.
        """
        logs, others = self._logs[key], self._logs[other]
        if min(len(logs), len(others)) < 2:
            return -math.inf
        outside = max(count_outside(len(others)), int(len(others) > 2))
        gap = find_range(logs)[0] - others[-1 - outside]
        difference = median(logs) - median(others)
        error = math.sqrt(math.pi / 2 * (1 / len(logs) + 1 / len(others)))
        enough = min(len(logs), len(others)) >= ENOUGH
        pools = [[case for case in self._logs if case == other or case not in {key, *self._apart}]]
        if enough:  # without cases in two groups, whose noise is not the machine's
            ends = {case: self._logs[case][-1] - median(self._logs[case]) for case in pools[0]}
            pools.append([case for case, end in ends.items() if end <= math.log(TWO_GROUPS)])
        bounds = [-math.inf]
        for pool in pools:
            if freedom := sum(len(self._logs[case]) - 1 for case in pool):
                noise = math.sqrt(sum(self._squares[case] for case in pool) / freedom)
                margin = compute_t_quantile(freedom, family) * noise * error
                least = SAFETY * (noise if enough else max(noise, logs[1] - logs[0]))
                bounds.append(min(difference - margin, gap - least))
        return max(bounds)


def compare_epochs(slower: Row, faster: Row) -> Interval | None:
    """Return how many times longer an epoch of one row typically takes than of another.

    Of few processes by the noise that their tables share, of others round by round.
    """
    if min(slower.succeeded, faster.succeeded) < ENOUGH and slower.epoch and faster.epoch:
        return divide_intervals(slower.epoch, faster.epoch)
    return compare_rounds(slower.epochs_by_round, faster.epochs_by_round)


def compare_rounds(slower: Mapping[int, float], faster: Mapping[int, float]) -> Interval | None:
    """Return the typical ratio of two cases' times, paired by round; None if no round has both.

    Trials of one round ran one after the other, so their ratio is free of the machine's drift.
    """
    ratios = [slower[number] / faster[number] for number in slower.keys() & faster.keys()]
    return estimate_typical(ratios) if ratios else None


def select_comparable(rows: Iterable[Row], row: Row) -> list[Row]:
    """Return the ranked rows of the same machine, objective, workload, device and size."""
    problem = _identify_problem(row)
    return [other for other in rows if other.ranked and _identify_problem(other) == problem]


def _identify_problem(row: Row) -> tuple[object, ...]:
    """Return what rows must have in common to be compared."""
    return row.case.objective, row.case.workload, row.case.device, *row.size, row.machine


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
                if not table.differ(slower.case.slug, faster.case.slug)
            ]
    return ties


def compare_all(
    rows: Iterable[Row],
    list_times: Callable[[Row], Mapping[int, float]] = lambda row: row.epochs_by_round,
) -> Ranking[str]:
    """Compare comparable rows by their slugs: their epochs, or other times that each has."""
    return Ranking({row.case.slug: (list_times(row), row.traits) for row in rows})


def compare_to_fastest(
    rows: Sequence[Row],
    list_times: Callable[[Row], Mapping[int, float]] = lambda row: row.epochs_by_round,
) -> dict[tuple[str, str], tuple[Interval, Interval]]:
    """Return the ratio of each row to the fastest one of its problem, and its typical time.

    By machine and slug, of the ranked softmax rows: one-vs-rest is another problem, with an update
    for each image. list_times: returns what is compared of a row, by round.
    """
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.ranked and row.case.objective == "softmax":
            groups[_identify_problem(row)].append(row)
    compared = {}
    for group in groups.values():
        table = compare_all(group, list_times)
        fastest = table.fastest
        for slug, typical in table.typical.items():
            compared[group[0].machine, slug] = table.estimate(slug, fastest), typical
    return compared
