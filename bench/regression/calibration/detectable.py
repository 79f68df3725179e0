"""Report what a calibration shows: how often decisions are wrong, and what they detect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from bench.records import timestamps
from bench.records.schema import Slowdown
from bench.regression.calibration.spread import (
    Calibrations,
    MeasuredBlock,
    Spread,
    estimate_spread,
)
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.false_alarms import MIN_PAIRS
from bench.regression.stats.power import DecisionCount

# Seconds: the shortest possible comparison, the first two looks of the default one, and all of it.
BUDGETS = (0.0, 30.0, 60.0, 180.0)
# False alarms are counted without a tolerance, which would hide some.
STRICT = Rule(tolerance=0.0)


@dataclass(frozen=True, slots=True)
class BudgetDetectability:
    """What decisions show within a budget; None if there are too few pairs to tell.

    seconds: the budget. pairs: that fit into it. disjoint: slowdowns called in decisions that share
    no pair; of equal versions they are false alarms. drawn: injected slowdowns called in many
    decisions that overlap. smallest: the slowdown, as a share, detected with probability 95 %
    without a tolerance; of equal versions only.
    """

    seconds: float
    pairs: int
    disjoint: DecisionCount | None
    drawn: DecisionCount | None
    smallest: float | None


@dataclass(frozen=True, slots=True)
class Detectability:
    """A calibrated case, against itself or with a slowdown in the candidate.

    ratio: median of all pairs. seconds: of a pair. spread: only without a slowdown.
    """

    case: str
    slowdown: Slowdown | None
    blocks: int
    pairs: int
    seconds: float
    ratio: float
    spread: Spread | None
    budgets: tuple[BudgetDetectability, ...]


def assess_detectability(
    calibrations: Calibrations, draws: int = power.DRAWS
) -> list[Detectability]:
    """Return what was calibrated; each case against itself first, then with its slowdowns."""
    assessed = []
    for case in calibrations.cases:
        for slowdown in (None, *calibrations.slowdowns(case)):
            logs, blocks = calibrations.logs(case, slowdown), calibrations.blocks(case, slowdown)
            if not logs:
                continue
            seconds = estimate_pair_seconds(blocks)
            assessed.append(
                Detectability(
                    case=case,
                    slowdown=slowdown,
                    blocks=len(blocks),
                    pairs=len(logs),
                    seconds=seconds,
                    ratio=math.exp(median(logs)),
                    spread=estimate_spread(blocks) if slowdown is None else None,
                    budgets=tuple(
                        _assess_budget(logs, budget, seconds, draws, same=slowdown is None)
                        for budget in BUDGETS
                    ),
                )
            )
    return assessed


def _assess_budget(
    logs: Sequence[float], budget: float, seconds: float, draws: int, *, same: bool
) -> BudgetDetectability:
    pairs = max(MIN_PAIRS, int(budget / seconds))
    enough = len(logs) >= pairs
    return BudgetDetectability(
        seconds=budget,
        pairs=pairs,
        disjoint=power.count_disjoint(logs, pairs, STRICT) if enough else None,
        drawn=power.count_drawn(logs, pairs, STRICT, draws) if enough and not same else None,
        smallest=(
            power.find_smallest_slowdown(logs, pairs, STRICT, draws)
            if same and len(logs) >= MIN_PAIRS
            else None
        ),
    )


def estimate_pair_seconds(blocks: Sequence[MeasuredBlock]) -> float:
    """Return the median seconds from the start of a pair to the next one, judging included.

    Without two pairs in a row, the median of the processes' own seconds.
    """
    steps, walls = [], []
    for block in blocks:
        starts = [
            min(timestamps.parse_time(record.started).timestamp() for record in pair)
            for pair in block.pairs
        ]
        steps += [after - before for before, after in pairwise(starts)]
        walls += [sum(record.wall_seconds or 0.0 for record in pair) for pair in block.pairs]
    return median(steps or walls)
