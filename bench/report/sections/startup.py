"""Starts, time to an accuracy and overtaking, as text: the same for Markdown and the terminal."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from bench.analysis.startup import BreakEven, Start, TimeToAccuracy
from bench.report.render import numbers
from bench.report.sections import comparison
from bench.report.sections.comparison import Table

Found = TypeVar("Found", bound=comparison.OfCase)

COSTS_TITLE = "What a start costs"
COSTS_HEADINGS = (
    "implementation", "objective", "style", "import", "set-up", "reset", "first epoch",
    "cold start", "parity error",
)  # fmt: skip
COSTS_NOTE = (
    "Cold start: import, set-up, reset and first epoch of a fresh process with empty compile "
    "caches. Geometric means over processes, so that the parts need not add up to it."
)
REACHED_HEADINGS = (
    "implementation", "objective", "style", "epochs", "warm", "cold", "parity error"
)  # fmt: skip
REACHED_NOTE = (
    "Warm: the timed epochs up to the first with that accuracy. Cold: a cold start, whose first "
    "epoch stands for epoch 1, and the timed epochs after it."
)
OVERTAKEN_TITLE = "After how many epochs a tuned program is ahead, its start counted"
OVERTAKEN_NOTE = (
    "Time of n epochs: a cold start and n - 1 steady epochs. At once: ahead after the first epoch. "
    "Not told: the interval of the ratio of the two starts, or of the two epochs, includes 1, and "
    "other processes may give another answer."
)


def costs(starts: Iterable[Start]) -> list[Table]:
    """Return what a start costs, the shortest of each problem first."""
    return [
        Table(f"{COSTS_TITLE}, {problem}", COSTS_HEADINGS,
              [_cost(start) for start in sorted(found, key=_total)], 3, COSTS_NOTE)
        for problem, found in _by_problem(starts).items()
    ]  # fmt: skip


def _total(start: Start) -> float:
    return start.total.mean


def _cost(start: Start) -> list[str]:
    parts = (start.imports, start.setup, start.reset, start.first_epoch)
    return [
        *_named(start),
        *(numbers.duration(part) for part in parts),
        numbers.duration_interval(start.total),
        numbers.error(start.parity_error),
    ]


def reached(reaches: Iterable[TimeToAccuracy]) -> list[Table]:
    """Return the time to an accuracy, the shortest from a cold start first, and why there is none.

    A time that is absent has its reason in its place.
    """
    return [
        Table(f"Time to validation accuracy {found[0].target:g}, {problem}", REACHED_HEADINGS,
              [_reached(each) for each in sorted(found, key=_cold)], 3, REACHED_NOTE)
        for problem, found in _by_problem(reaches).items()
    ]  # fmt: skip


def _cold(reach: TimeToAccuracy) -> float:
    return reach.cold.mean if reach.cold else math.inf


def _reached(reach: TimeToAccuracy) -> list[str]:
    absent = reach.reason or numbers.ABSENT
    return [
        *_named(reach),
        absent if reach.epoch is None else numbers.whole(reach.epoch),
        *(numbers.duration_interval(time) if time else absent for time in (reach.warm, reach.cold)),
        numbers.error(reach.parity_error),
    ]


def overtaken(overtakings: Iterable[BreakEven]) -> list[Table]:
    """Return a matrix for each problem and objective: tuned rows, and the simpler in columns."""
    groups: dict[str, list[BreakEven]] = defaultdict(list)
    for each in overtakings:
        case = each.tuned.case
        groups[f"{case.workload}, {case.objective}: {comparison.problem(each.tuned)}"].append(each)
    return [_matrix(problem, found) for problem, found in groups.items()]


def _matrix(problem: str, found: Sequence[BreakEven]) -> Table:
    tuned = list({id(each.tuned): each.tuned for each in found}.values())
    simpler = list({id(each.simpler): each.simpler for each in found}.values())
    cells = {(id(each.tuned), id(each.simpler)): _ahead(each) for each in found}
    lines = [
        [row.case.implementation,
         *(cells.get((id(row), id(other)), numbers.ABSENT) for other in simpler)]
        for row in tuned
    ]  # fmt: skip
    names = (other.case.implementation for other in simpler)
    title = f"{OVERTAKEN_TITLE}, {problem}"
    return Table(title, ("tuned, ahead of", *names), lines, 1, OVERTAKEN_NOTE)


def _ahead(found: BreakEven) -> str:
    """Say from how many epochs on, until when, and whether that can be told."""
    said = ["never" if found.ahead_from is None else numbers.whole(found.ahead_from)]
    if found.ahead_from == 1:
        said = ["at once"]
    if found.ahead_until is not None:
        said += [f"until {numbers.whole(found.ahead_until)}"]
    return ", ".join(said if found.certain else [*said, "not told"])


def _named(found: comparison.OfCase) -> list[str]:
    return [found.case.implementation, found.case.objective, found.case.style]


def _by_problem(found: Iterable[Found]) -> dict[str, list[Found]]:
    groups: dict[str, list[Found]] = defaultdict(list)
    for each in found:
        groups[f"{each.case.workload}: {comparison.problem(each)}"].append(each)
    return groups
