"""Compare rows of one problem round by round, and find which differences are certain."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from bench.analysis.intervals import (
    MISSED,
    Interval,
    adjust_holm,
    compute_p,
    estimate_ratio,
    estimate_typical,
)
from bench.analysis.summary import Row, identify_size, sort_key


def compare_epochs(slower: Row, faster: Row) -> Interval | None:
    """Return how many times longer an epoch of one row typically takes than of another."""
    return compare_rounds(slower.adjusted_by_round, faster.adjusted_by_round)


def compare_rounds(slower: Mapping[int, float], faster: Mapping[int, float]) -> Interval | None:
    """Return the typical ratio of two cases' times, paired by round; None if no round has both."""
    ratios = list_ratios(slower, faster)
    return estimate_typical(ratios) if ratios else None


def list_ratios(slower: Mapping[int, float], faster: Mapping[int, float]) -> list[float]:
    """Return how many times longer one case took than another, in each common round.

    Trials of one round ran one after the other, so their ratio is free of the machine's drift.
    That of adjusted epochs is also free of jumps of the machine's speed.
    """
    return [slower[n] / faster[n] for n in sorted(slower.keys() & faster.keys())]


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


def find_leading(times: Sequence[Mapping[int, float]]) -> list[int]:
    """Return the places of the fastest case and of every one that is not certainly slower.

    times: of comparable cases by round, the fastest first.
    """
    slower = find_slower(times)
    return [place for place in range(len(times)) if (place, 0) not in slower]


def find_ties(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the neighbours by epoch time of which it is not certain which is faster."""
    ties: list[tuple[Row, Row]] = []
    for row in rows:
        group = select_comparable(rows, row)
        if group and group[0] is row:
            slower = find_slower([member.adjusted_by_round for member in group])
            pairs = enumerate(pairwise(group))
            ties += [pair for number, pair in pairs if (number + 1, number) not in slower]
    return ties


def find_slower(times: Sequence[Mapping[int, float]]) -> set[tuple[int, int]]:
    """Return the places of each certainly slower case and of the case that it is slower than.

    times: as in ``find_leading``. Each case is compared with the one before it and with the first.
    The interval of their ratio must lie above 1, also after Holm's adjustment for all these pairs:
    with probability 95 %, no two equal rows of the table are called different.
    """
    places = range(1, len(times))
    pairs = {(place, other) for place in places for other in (place - 1, 0)}
    ratios = {pair: list_ratios(times[pair[0]], times[pair[1]]) for pair in sorted(pairs)}
    measured = {pair: values for pair, values in ratios.items() if values}
    adjusted = adjust_holm(
        {pair: compute_p(values) for pair, values in measured.items()}, len(pairs)
    )
    intervals = {pair: estimate_typical(values) for pair, values in measured.items()}
    return {
        pair
        for pair, interval in intervals.items()
        if interval.low is not None and interval.low > 1 and adjusted[pair] <= MISSED
    }


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
