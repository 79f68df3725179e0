"""Estimate from measured pairs of equal versions which slowdown a comparison detects."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.regression.stats.decision import Rule
from bench.regression.stats.false_alarms import LookSchedule, compute_nominal_level, schedule_looks
from bench.regression.stats.signed_rank import compute_ratio

# Noise comes in bursts, so blocks of pairs are drawn, not single pairs.
BLOCK = 10
DRAWS = 200
SEED = 1
# The probability with which the smallest quoted slowdown is detected.
POWER = 0.95


def find_smallest_slowdown(
    logs: Sequence[float], pairs: int, rule: Rule, draws: int = DRAWS
) -> float:
    """Return the slowdown, as a share, that this many pairs detect with probability 95 %.

    logs: of pairs of equal versions, in the order measured. A slowdown adds its logarithm to every
    pair, so the least slowdown that a draw detects follows from its interval; the result is a
    quantile over draws. The draws overlap, so it has no interval.
    """
    looks = schedule_looks(pairs, rule.alpha_per_test)
    least = [
        find_least_detected_log(drawn.tolist(), looks, rule)
        for drawn in resample(logs, pairs, draws)
    ]
    return math.expm1(float(np.quantile(least, POWER, method="higher")))


def find_least_detected_log(logs: Sequence[float], looks: LookSchedule, rule: Rule) -> float:
    """Return the least logarithm that, added to every pair, makes a look call a slowdown."""
    level, margin = compute_nominal_level(rule.alpha_per_test, looks), math.log1p(rule.tolerance)
    least = math.inf
    for count in looks:
        ratio = compute_ratio(logs[:count], level)
        if ratio.low is not None:
            least = min(least, max(-math.log(ratio.low), margin - math.log(ratio.mean)))
    return least


def resample(logs: Sequence[float], pairs: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """Draw pairs in blocks that were measured in a row; the last pair precedes the first.

    Each block has a random sign: equal versions have no direction.
    """
    random, values = np.random.default_rng(SEED), np.asarray(logs)
    blocks = -(-pairs // BLOCK)
    for _ in range(draws):
        starts = random.integers(len(values), size=blocks)
        drawn = values[(starts[:, None] + np.arange(BLOCK)) % len(values)]
        drawn *= random.choice((-1, 1), (blocks, 1))
        yield drawn.ravel()[:pairs]
