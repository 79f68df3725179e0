"""What a calibration shows of a case: how often the gate is wrong there, and what it sees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from bench.records import timestamps
from bench.records.schema import Slowdown
from bench.regression.calibration.spread import Block, Calibrated, Spread, spread
from bench.regression.paired.result import Pair
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.power import Counted
from bench.regression.stats.sequential import LEAST

# Seconds: the shortest gate there is, the first two looks of the usual one, and all of that.
BUDGETS = (0.0, 30.0, 60.0, 180.0)
# The rate of false alarms is counted where nothing hides one.
STRICT = Rule(tolerance=0.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What so many seconds of pairs show; None where there are too few pairs to tell.

    disjoint, drawn: false alarms (of what is the same), or what was found (of a slowdown), in
    decisions that share no pair, and in many that overlap. smallest: the slowdown that is found
    95 % of the time, with no tolerance.
    """

    seconds: float
    pairs: int
    disjoint: Counted | None
    drawn: Counted | None
    smallest: float | None


@dataclass(frozen=True, slots=True)
class Sight:
    """A case against itself, or with a slowdown in the candidate.

    ratio: median of all pairs. seconds: that a pair takes.
    """

    slug: str
    slowdown: Slowdown | None
    blocks: int
    pairs: int
    seconds: float
    ratio: float
    spread: Spread | None
    seen: tuple[Seen, ...]


def sights(found: Calibrated, draws: int = power.DRAWS) -> list[Sight]:
    """Return what was calibrated, each case against itself first."""
    return [
        _sight(slug, slowdown, found.blocks(slug, slowdown), draws)
        for slug in found.slugs
        for slowdown in (None, *found.slowdowns(slug))
        if found.logs(slug, slowdown)
    ]  # fmt: skip


def _sight(slug: str, slowdown: Slowdown | None, blocks: Sequence[Block], draws: int) -> Sight:
    logs, seconds = [log for block in blocks for log in block.logs], pair_seconds(blocks)
    same = slowdown is None
    return Sight(
        slug, slowdown, len(blocks), len(logs), seconds, math.exp(median(logs)),
        spread(blocks) if same else None,
        tuple(_seen(logs, budget, seconds, draws, same=same) for budget in BUDGETS),
    )  # fmt: skip


def _seen(logs: Sequence[float], budget: float, seconds: float, draws: int, *, same: bool) -> Seen:
    pairs = pairs_in(budget, seconds)
    enough = len(logs) >= pairs
    return Seen(
        budget, pairs,
        power.disjoint(logs, pairs, STRICT) if enough else None,
        power.drawn(logs, pairs, STRICT, draws, swap=same) if enough else None,
        power.smallest(logs, pairs, STRICT, draws) if same and len(logs) >= LEAST else None,
    )  # fmt: skip


def pairs_in(budget: float, seconds: float) -> int:
    """Pairs that fit into so many seconds, and as many as a decision takes at least."""
    return max(LEAST, int(budget / seconds))


def pair_seconds(blocks: Sequence[Block]) -> float:
    """Seconds from the start of one pair to that of the next, judging included."""
    starts = [[_started(two) for two in block.pairs] for block in blocks]
    steps = [after - before for block in starts for before, after in pairwise(block)]
    walls = [sum(record.wall_seconds or 0.0 for record in two) for block in blocks
             for two in block.pairs]  # fmt: skip
    return median(steps or walls)


def _started(two: Pair) -> float:
    return min(timestamps.read(record.started).timestamp() for record in two)
