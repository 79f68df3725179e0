"""What a machine's calibration shows, as tables."""

from collections.abc import Sequence
from math import isinf
from typing import Any

from bench.records.schema import Slowdown
from bench.regression.calibration.detectable import BUDGETS, Seen, Sight, sights
from bench.regression.calibration.spread import Calibrated
from bench.regression.stats.power import Counted
from bench.report.regression.output import Shown
from bench.report.render import numbers
from bench.report.sections import Table

NOTHING = "nothing is known yet: leave out --show to measure, or name the folder: --calibrations"
WITHIN = [f"in {seconds:g} s" if seconds else "at the least" for seconds in BUDGETS]


def shown(known: Calibrated) -> Shown:
    """Return all that the calibrations of a machine show, ready to be shown."""
    found = sights(known)
    document = {"cases": [as_json(each) for each in found]}
    return Shown(tables(found), [] if found else [NOTHING], (), document)


def tables(found: Sequence[Sight]) -> list[Table]:
    """Return the tables that have a line, in the order in which they answer one another."""
    same = [each for each in found if each.slowdown is None]
    slowed = [each for each in found if each.slowdown is not None]
    every = (_noise(same), _smallest(same), _alarms(same), _injected(slowed))
    return [table for table in every if table.lines]


def _noise(found: Sequence[Sight]) -> Table:
    return Table(
        "How noisy this machine is",
        ("case", "pairs", "blocks", "seconds a pair", "epochs of a process", "processes",
         "between blocks"),
        [
            [each.slug, f"{each.pairs:,}", str(each.blocks), numbers.significant(each.seconds),
             *_deviations(each)]
            for each in found
        ],
        words=1,
        note="Standard deviations, in percent: of epochs within a process, of the least epochs of "
             "processes within a block, and of blocks beyond what these explain.",
    )  # fmt: skip


def _deviations(found: Sight) -> list[str]:
    if found.spread is None:
        return [numbers.ABSENT] * 3
    parts = (found.spread.epochs, found.spread.processes, found.spread.blocks)
    return [numbers.percent(part) for part in parts]


def _smallest(found: Sequence[Sight]) -> Table:
    return Table(
        "The smallest slowdown that is found 95 % of the time",
        ("case", *WITHIN),
        [[each.slug, *(_least(each, seen) for seen in each.seen)] for each in found],
        words=1,
        note="With no tolerance, at 1 %; drawn from the pairs of a version with itself. In "
             "brackets the pairs that fit into the time.",
    )  # fmt: skip


def _least(found: Sight, seen: Seen) -> str:
    """Show the smallest slowdown, and of too short a time how long the fewest pairs take."""
    if seen.seconds and seen.pairs * found.seconds > seen.seconds:
        return f"{seen.pairs} pairs take {numbers.clock(seen.pairs * found.seconds)}"
    if seen.smallest is None or isinf(seen.smallest):
        return numbers.ABSENT
    return f"{100 * seen.smallest:.1f} % ({seen.pairs})"


def _alarms(found: Sequence[Sight]) -> Table:
    return Table(
        "False alarms: a version called slower than itself",
        ("case", "time", "pairs", "decisions that share no pair", "drawn decisions", "blocks"),
        [
            [each.slug, _time(seen), str(seen.pairs), counted(seen.disjoint),
             counted(seen.drawn), str(seen.drawn.blocks)]
            for each in found for seen in each.seen if seen.disjoint and seen.drawn
        ],
        words=2,
        note="With no tolerance; asked for is 1 % at most. Drawn decisions take stretches of "
             "pairs that overlap and swap the two versions by a coin; so many that share no pair, "
             "blocks, stand behind them. In brackets the 95 % interval of Wilson.",
    )  # fmt: skip


def _time(seen: Seen) -> str:
    return f"{seen.seconds:g} s" if seen.seconds else "the least"


def _injected(found: Sequence[Sight]) -> Table:
    return Table(
        "Injected slowdowns, and how often they are found",
        ("case", "injected", "measured", "pairs", *WITHIN),
        [
            [each.slug, injected(each.slowdown), f"{100 * (each.ratio - 1):+.1f} %",
             f"{each.pairs:,}", *(counted(seen.drawn) for seen in each.seen)]
            for each in found
        ],
        words=2,
        note="With no tolerance; decisions are drawn from stretches of the measured pairs, which "
             "overlap. What slows one epoch in five is not in the least of them.",
    )  # fmt: skip


def injected(slowdown: Slowdown | None) -> str:
    """Say what was put into the candidate."""
    if slowdown is None:
        return "nothing"
    share = f"{100 * slowdown.share:g} %"
    return share if slowdown.every == 1 else f"{share} in one epoch of {slowdown.every}"


def counted(found: Counted | None) -> str:
    """Show how many of how many, with the interval of the share in percent."""
    if found is None:
        return numbers.ABSENT
    _, low, high = found.share
    return f"{found.count} of {found.of} [{100 * low:.1f}, {100 * high:.1f}]"


def as_json(found: Sight) -> dict[str, Any]:
    """Return everything as JSON holds it: deviations of logarithms, ratios as they are."""
    known = found.spread
    return {
        "case": found.slug, "injected": injected(found.slowdown), "blocks": found.blocks,
        "pairs": found.pairs, "seconds_a_pair": found.seconds, "ratio": found.ratio,
        "spread": known and {"epochs": known.epochs, "processes": known.processes,
                             "blocks": known.blocks, "count": known.count},
        "seen": [
            {"seconds": seen.seconds, "pairs": seen.pairs, "smallest": _finite(seen.smallest),
             "disjoint": _counts(seen.disjoint), "drawn": _counts(seen.drawn)}
            for seen in found.seen
        ],
    }  # fmt: skip


def _counts(found: Counted | None) -> dict[str, int] | None:
    return None if found is None else {"count": found.count, "of": found.of, "blocks": found.blocks}


def _finite(value: float | None) -> float | None:
    """Return what JSON can hold."""
    return None if value is None or isinf(value) else value
