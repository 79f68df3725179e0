"""Which row is faster, and whether the data tell: rows of one problem, compared round by round."""

from collections.abc import Iterable, Mapping, Sequence

from bench.intervals import Interval, interval
from bench.summary import Row, place


def ratio(slower: Row, faster: Row) -> Interval | None:
    """How many times longer an epoch of one row takes than of another, round by round."""
    return quotient(slower.epochs_by_round, faster.epochs_by_round)


def quotient(slower: Mapping[int, float], faster: Mapping[int, float]) -> Interval | None:
    """Ratio of two cases' times, each by its round.

    Trials of one round were neighbours in time, so that their ratio is free of the machine's
    drift. None where no round has both.
    """
    both = sorted(set(slower) & set(faster))
    return interval([slower[number] / faster[number] for number in both]) if both else None


def apart(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return rows by where they are from: of two places no two are compared."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.where, []).append(row)
    return found


def comparable(all_rows: Iterable[Row], row: Row) -> list[Row]:
    """Return the ranked rows of the same machine, objective, workload, device, size and so on."""
    group = _group(row)
    return [other for other in all_rows if other.ranked and _group(other) == group]


def _group(row: Row) -> tuple[object, ...]:
    case = row.case
    return (
        case.objective, case.workload, case.device, case.batch_size, case.threads, case.samples,
        row.where,
    )  # fmt: skip


def leaders(group: Sequence[Row]) -> list[Row]:
    """Return the fastest row, and with it every one that the data do not tell from it.

    A row is told from the fastest where the interval of their ratio lies above 1; one round gives
    no interval, and then nothing is told.
    """
    ranked = sorted((row for row in group if row.ranked), key=place)
    if not ranked:
        return []
    return [row for row in ranked if not told(row, ranked[0])]


def told(row: Row, faster: Row) -> bool:
    """Tell whether the interval of a row's ratio to a faster one lies above 1."""
    found = ratio(row, faster)
    return found is not None and found.low is not None and found.low > 1


def times_fastest(all_rows: Sequence[Row], row: Row) -> Interval | None:
    """Ratio to the fastest softmax row of the same problem, whatever the row's own objective.

    A one-vs-rest row solves another problem; wherever this number is shown, the objective is too.
    """
    group = ("softmax", *_group(row)[1:])
    peers = [other for other in all_rows if other.ranked and _group(other) == group]
    if not row.ranked or not peers:
        return None
    return ratio(row, min(peers, key=place))
