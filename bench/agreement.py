"""Two runs on one machine: do rows whose intervals parted keep their order?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from bench.ranking import comparable
from bench.store import read_environments
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Agreement:
    """Pairs of rows of a workload that both runs measured, and what became of their order.

    parted: pairs whose epochs' intervals do not overlap in the first run. kept: those that have
    the same order in the second. broken: those that have not. swapped: pairs that changed places
    though their intervals overlapped, as they may.
    """

    workload: str
    pairs: int
    parted: int
    kept: int
    broken: tuple[tuple[str, str], ...]
    swapped: int


def agreements(first: Sequence[Row], second: Sequence[Row]) -> list[Agreement]:
    """Compare the order of all comparable pairs, a line a workload."""
    return [
        _agreement(name, first, second)
        for name in dict.fromkeys(row.case.workload for row in first if row.ranked)
    ]


def machines(folder: Path) -> set[str]:
    """Return the ids of the machines that a run was measured on."""
    return {str(found.machine.get("id")) for found in read_environments(folder).values()}


def _agreement(workload: str, first: Sequence[Row], second: Sequence[Row]) -> Agreement:
    again = {row.case.slug: row for row in second if row.ranked}
    pairs = list(_pairs([row for row in first if row.case.workload == workload], again))
    parted = [(a, b) for a, b in pairs if _parted(a, b)]
    turned = {
        (a.case.slug, b.case.slug)
        for a, b in pairs if _mean(again[a.case.slug]) > _mean(again[b.case.slug])
    }  # fmt: skip
    broken = tuple(
        (a.case.implementation, b.case.implementation)
        for a, b in parted if (a.case.slug, b.case.slug) in turned
    )  # fmt: skip
    return Agreement(
        workload, len(pairs), len(parted), len(parted) - len(broken), broken,
        len(turned) - len(broken),
    )  # fmt: skip


def _pairs(rows: Sequence[Row], again: Mapping[str, Row]) -> Iterator[tuple[Row, Row]]:
    """Every two comparable rows that both runs ranked, the faster of the first run first."""
    for faster, slower in combinations([row for row in rows if row.ranked], 2):
        both = {faster.case.slug, slower.case.slug} <= again.keys()
        if both and slower in comparable(rows, faster):
            yield faster, slower


def _mean(row: Row) -> float:
    return row.epoch.mean if row.epoch else float("inf")


def _parted(faster: Row, slower: Row) -> bool:
    if faster.epoch is None or slower.epoch is None:
        return False
    high, low = faster.epoch.high, slower.epoch.low
    return high is not None and low is not None and high < low
