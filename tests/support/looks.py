"""Simulate comparisons of many pairs: how often a schedule of looks calls a slowdown.

``python tests/support/looks.py`` prints the figures of docs/calibration.md.
"""

import math

import numpy as np

from bench.regression.stats import signed_rank
from bench.regression.stats.false_alarms import ALPHA, compute_nominal_level, schedule_looks

COMPARISONS = 20_000


def normal(draw, shape):
    return draw.standard_normal(shape)


def cauchy(draw, shape):
    return draw.standard_cauchy(shape)


def bursty(draw, shape):
    """One pair in thirty is ten times as far off."""
    return draw.standard_normal(shape) * np.where(draw.random(shape) < 1 / 30, 10, 1)


def drifting(draw, shape):
    """The cost of being measured first wanders from pair to pair, and the noise grows."""
    first = 1 + draw.standard_normal(shape).cumsum(axis=1) / 3
    noise = draw.standard_normal(shape) * np.linspace(0.2, 3, shape[1])
    return draw.choice((-1, 1), shape) * first + noise


NOISES = (normal, cauchy, bursty, drifting)


def compute_p_slower(logs, pairs):
    """Return the one-sided p of the first pairs of each comparison, a row of ``logs``.

    Without ties and zeros.
    """
    first = logs[:, :pairs]
    ranks = np.abs(first).argsort(axis=1).argsort(axis=1) + 1
    return signed_rank._upper_tail(pairs)[(ranks * (first > 0)).sum(axis=1)]


def share_called(logs, looks, level):
    """Return the share of comparisons that a look calls slower at this nominal level."""
    called = np.zeros(len(logs), bool)
    for pairs in looks:
        called |= compute_p_slower(logs, pairs) <= level
    return called.mean()


def main():
    draw = np.random.default_rng(5)
    print("slowdown, pairs, looks, found at 1.2 % and 2 % of noise")
    for slowdown, pairs in ((0.05, 7), (0.05, 8), (0.05, 10), (0.02, 24), (0.01, 71)):
        looks = schedule_looks(pairs)
        level = compute_nominal_level(ALPHA, looks)
        shares = [
            share_called(
                draw.standard_t(3, (COMPARISONS, pairs)) * deviation / math.sqrt(3)
                + math.log1p(slowdown),
                looks,
                level,
            )
            for deviation in (0.012, 0.02)
        ]
        print(f"{slowdown:.0%}", pairs, looks, *(f"{share:.1%}" for share in shares))
    print("false alarms of", *(noise.__name__ for noise in NOISES))
    for pairs in (7, 8, 10, 15, 24, 40, 71, 180):
        looks = schedule_looks(pairs)
        level = compute_nominal_level(ALPHA, looks)
        shares = [share_called(noise(draw, (COMPARISONS, pairs)), looks, level) for noise in NOISES]
        print(pairs, looks, *(f"{share:.2%}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
