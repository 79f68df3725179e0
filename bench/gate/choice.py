"""Which number of a process shows a slowdown best: asked of every calibration anew.

The gate takes the least of five epochs. That was chosen on measurements, and what is chosen on the
data that it is scored on looks better than it is; so each machine's own pairs are asked again.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles, stdev

from bench.gate import power
from bench.gate.calibrated import Block
from bench.gate.findings import Pair
from bench.gate.looks import Looks, nominal
from bench.gate.sight import BUDGETS, STRICT, pair_seconds, pairs_in
from bench.gate.verdict import Rule
from bench.result import Record

Statistic = Callable[[Record], float]
# Pairs: with fewer, what is drawn from them is the same few again and again.
ENOUGH = 100


def _lower_quartile(values: Sequence[float]) -> float:
    return quantiles(values, n=4, method="inclusive")[0]


STATISTICS: Mapping[str, Statistic] = {
    "the least epoch": lambda record: min(record.epoch_seconds),
    "the lower quartile": lambda record: _lower_quartile(record.epoch_seconds),
    "the median": lambda record: median(record.epoch_seconds),
    "the mean": lambda record: fmean(record.epoch_seconds),
    "the least CPU time": lambda record: min(record.epoch_cpu_seconds),
    "the least of one epoch": lambda record: record.epoch_seconds[0],
    "the least of two": lambda record: min(record.epoch_seconds[:2]),
    "the least of three": lambda record: min(record.epoch_seconds[:3]),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A statistic, and the slowdown that it finds 95 % of the time in each of ``sight.BUDGETS``."""

    statistic: str
    smallest: tuple[float, ...]


def choices(blocks: Sequence[Block]) -> list[Choice]:
    """Return every statistic and what it sees in the pairs of a version with itself.

    Last comes the gate's own, judged by a t test: what the test itself is worth.
    """
    pairs = [two for block in blocks for two in block.pairs]
    wanted = [pairs_in(budget, pair_seconds(blocks)) for budget in BUDGETS]
    asked = [(name, statistic, power.least_found) for name, statistic in STATISTICS.items()]
    first, statistic, _ = asked[0]
    asked.append((f"{first}, by a t test", statistic, least_by_t))
    return [
        Choice(name, tuple(power.smallest(_logs(pairs, statistic), count, STRICT, test=test)
                           for count in wanted))
        for name, statistic, test in asked
    ]  # fmt: skip


def least_by_t(logs: Sequence[float], looks: Looks, rule: Rule) -> float:
    """Return what ``power.least_found`` does, for a paired t test at the same looks."""
    from scipy.stats import t

    level = nominal(rule.share, looks)
    return min(
        float(t.isf(level, count - 1)) * stdev(logs[:count]) / math.sqrt(count)
        - fmean(logs[:count])
        for count in looks
    )


def _logs(pairs: Sequence[Pair], statistic: Statistic) -> list[float]:
    return [math.log(statistic(candidate) / statistic(base)) for base, candidate in pairs]
