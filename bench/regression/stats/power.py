"""Estimate from measured pairs how often the decisions are wrong, and what they detect."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.regression.stats.decision import Rule, decide
from bench.regression.stats.false_alarms import LookSchedule, compute_nominal_level, schedule_looks
from bench.regression.stats.signed_rank import compare_pairs, estimate_ratio

# Draws of pairs: enough to know a share of 95 % to within one or two points.
DRAWS = 1000
SEED = 1
# The probability with which the smallest quoted slowdown is detected.
POWER = 0.95


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """The number of decisions that called a slowdown.

    independent: how many of all decisions could be made without sharing a pair.
    """

    count: int
    total: int
    independent: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share."""
        from scipy.stats import binomtest

        bounds = binomtest(self.count, self.total).proportion_ci(0.95, method="wilson")
        return float(bounds.low), float(bounds.high)


def calls_slowdown(logs: Sequence[float], looks: LookSchedule, rule: Rule) -> bool:
    """Return whether the decisions at the planned looks end with "slower"."""
    for count in looks:
        if count > len(logs):
            break
        difference = compare_pairs(list(logs[:count]), looks, rule.alpha_per_test)
        p_slower, p_faster = (
            rule.family * value for value in (difference.p_slower, difference.p_faster)
        )
        verdict = decide(difference, rule, p_slower, p_faster)
        if verdict != "undecided":
            return verdict == "slower"
    return False


def count_disjoint(logs: Sequence[float], pairs: int, rule: Rule) -> DecisionCount:
    """Count the slowdowns called in successive windows of this many pairs."""
    looks = schedule_looks(pairs)
    windows = [logs[start : start + pairs] for start in range(0, len(logs) - pairs + 1, pairs)]
    called = sum(calls_slowdown(window, looks, rule) for window in windows)
    return DecisionCount(called, len(windows), len(windows))


def count_drawn(logs: Sequence[float], pairs: int, rule: Rule, draws: int = DRAWS) -> DecisionCount:
    """Count the slowdowns called in random windows of this many pairs, which overlap."""
    looks = schedule_looks(pairs)
    starts = np.random.default_rng(SEED).integers(len(logs) - pairs + 1, size=draws)
    called = sum(calls_slowdown(logs[start : start + pairs], looks, rule) for start in starts)
    return DecisionCount(called, draws, len(logs) // pairs)


def find_smallest_slowdown(
    logs: Sequence[float], pairs: int, rule: Rule, draws: int = DRAWS
) -> float:
    """Return the slowdown, as a share, that this many pairs detect with probability 95 %.

    logs: of pairs of equal versions. A slowdown adds its logarithm to every pair, so the least
    slowdown that a draw detects follows from its interval; the result is a quantile over draws.
    """
    looks = schedule_looks(pairs)
    least = [
        find_least_detected_log(drawn.tolist(), looks, rule)
        for drawn in _resample(logs, pairs, draws)
    ]
    return math.expm1(float(np.quantile(least, POWER, method="higher")))


def find_least_detected_log(logs: Sequence[float], looks: LookSchedule, rule: Rule) -> float:
    """Return the least logarithm that, added to every pair, makes a look call a slowdown."""
    level, margin = compute_nominal_level(rule.alpha_per_test, looks), math.log1p(rule.tolerance)
    least = math.inf
    for count in looks:
        ratio = estimate_ratio(logs[:count], level)
        if ratio.low is not None:
            least = min(least, max(-math.log(ratio.low), margin - math.log(ratio.mean)))
    return least


def _resample(logs: Sequence[float], pairs: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """Draw pairs at random, with random signs: equal versions have no direction."""
    random, values = np.random.default_rng(SEED), np.asarray(logs)
    for _ in range(draws):
        yield random.choice(values, pairs) * random.choice((-1, 1), pairs)
