"""What a calibration shows of a case: how often the gate is wrong there, and what it sees."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, variance

from bench import moment
from bench.gate import power
from bench.gate.calibrated import Block, Calibrated, Spread, spread
from bench.gate.findings import Pair
from bench.gate.looks import LEAST
from bench.gate.power import Counted
from bench.gate.verdict import Rule
from bench.result import Slowdown

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

    ratio: median of all pairs. seconds: that a pair takes. stored: false alarms of two blocks that
    are compared as stored runs are, and of the same two by the spread within them.
    """

    slug: str
    slowdown: Slowdown | None
    blocks: int
    pairs: int
    seconds: float
    ratio: float
    spread: Spread | None
    seen: tuple[Seen, ...]
    stored: tuple[Counted, Counted] | None


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
        stored(blocks) if same else None,
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
    return min(moment.read(record.started).timestamp() for record in two)


def stored(blocks: Sequence[Block]) -> tuple[Counted, Counted] | None:
    """Count false alarms of comparing two blocks as two stored runs are compared.

    The spread comes from the first half of the blocks, the decisions from the second: each of its
    blocks is used once, with one that was measured as long after it as can be. Returns the alarms
    by the spread between runs, and by the spread within the two alone, at 1 %.
    """
    half = len(blocks) // 2
    known, tried = spread(blocks[:half]), [block.minima for block in blocks[half:]]
    far = len(tried) // 2
    if known is None or far == 0:
        return None
    decisions = list(zip(tried[:far], tried[far:], strict=False))
    rules: tuple[Callable[[list[float], list[float]], float], ...] = (
        lambda a, b: _p(a, b, known.of_two_runs(len(a), len(b)), known.count - 1),
        lambda a, b: _p(a, b, _within(a, b), len(a) + len(b) - 2),
    )
    alarms = [sum(rule(*two) <= STRICT.alpha for two in decisions) for rule in rules]
    between, within = (Counted(count, far, far) for count in alarms)
    return between, within


def _within(base: list[float], candidate: list[float]) -> float:
    return math.sqrt(variance(base) / len(base) + variance(candidate) / len(candidate))


def _p(base: list[float], candidate: list[float], deviation: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.sf((fmean(candidate) - fmean(base)) / deviation, freedom))
