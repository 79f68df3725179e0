"""Compare rows of one problem round by round, and find which differences are certain."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from bench.analysis.intervals import Interval, estimate_mean, estimate_ratio
from bench.analysis.summary import Row, identify_size, sort_key


def compare_epochs(slower: Row, faster: Row) -> Interval | None:
    """Return how many times longer an epoch of one row takes than of another."""
    return compare_rounds(slower.epochs_by_round, faster.epochs_by_round)


def compare_rounds(slower: Mapping[int, float], faster: Mapping[int, float]) -> Interval | None:
    """Return the ratio of two cases' times, paired by round; None if no round has both.

    Trials of one round ran one after the other, so their ratio is free of the machine's drift.
    """
    common = sorted(slower.keys() & faster.keys())
    return estimate_mean([slower[n] / faster[n] for n in common]) if common else None


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


def find_leaders(rows: Sequence[Row]) -> list[Row]:
    """Return the fastest of comparable rows, and every row that is not certainly slower."""
    ranked = sorted((row for row in rows if row.ranked), key=sort_key)
    return [row for row in ranked if not is_slower(row, ranked[0])]


def find_ties(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the neighbours by epoch time of which it is not certain which is faster."""
    ties: list[tuple[Row, Row]] = []
    for row in rows:
        group = select_comparable(rows, row)
        if group and group[0] is row:
            ties += [(a, b) for a, b in pairwise(group) if not is_slower(b, a)]
    return ties


def is_slower(row: Row, faster: Row) -> bool:
    """Return whether the interval of a row's ratio to a faster one lies above 1.

    One common round gives no interval, and so no certainty.
    """
    ratio = compare_epochs(row, faster)
    return ratio is not None and ratio.low is not None and ratio.low > 1


def compare_to_fastest(rows: Sequence[Row], row: Row) -> Interval | None:
    """Return the ratio to the fastest softmax row of the same problem, for any objective.

    A one-vs-rest row solves another problem: show its objective beside this number.
    """
    peers = [
        other
        for other in rows
        if other.ranked
        and other.case.objective == "softmax"
        and _identify_problem(other) == _identify_problem(row)
    ]
    if not row.ranked or not peers:
        return None
    return compare_epochs(row, min(peers, key=sort_key))
