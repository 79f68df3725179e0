"""Simulate comparisons: how often looks at pairs, or stored runs, call a slowdown.

``PYTHONPATH=docs:tests python -m studies.false_alarms`` simulates 20,000 comparisons
for each line, with noise of Student's t with three degrees of freedom. *Found* counts the test of
the median alone, at the level that it has when the mean is tested, too:

    slowdown  looks       found at 1.2 % noise  at 2 %
    5 %       8           97.7 %                90.7 %
    5 %       10          99.4 %                97.5 %
    5 %       11          99.6 %                97.8 %
    2 %       11, 24      100.0 %               98.3 %
    1 %       11, 24, 71  100.0 %               99.1 %

False alarms of median and mean together are 0.70 to 1.06 % (standard error 0.07) with normal,
Cauchy, bursty and drifting noise. For ``compare`` they are 0.1 to 0.9 %; without the rule of four
hours, after half an hour of calibration, they would be 25 %.
"""

import datetime as dt
import math

import numpy as np
from support.comparisons import make_decision

from bench.regression.stats import signed_rank
from bench.regression.stats.false_alarms import ALPHA, compute_nominal_level, schedule_looks
from bench.regression.stored import calibrations as stored
from bench.regression.stored.calibrations import estimate_spread
from bench.regression.stored.judge_runs import compare_ratio

COMPARISONS = 20_000
# When blocks of three minutes began, in hours: half an hour, five hours, a day. And the standard
# deviation of what those of an hour share.
BLOCKS = (
    ([number / 20 for number in range(10)], 0.04),
    ([number / 4 for number in range(20)], 0.04),
    ([number / 2 for number in range(60)], 0.06),
)


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


def share_called(logs, looks, level, *others):
    """Return the share of comparisons that a look at any statistic calls slower at this level."""
    called = np.zeros(len(logs), bool)
    for statistic in (logs, *others):
        for pairs in looks:
            called |= compute_p_slower(statistic, pairs) <= level
    return called.mean()


def share_of_family(draw, noise, pairs, alpha=ALPHA):
    """Return the share of comparisons with a false alarm of median or mean, which is noisier."""
    looks = schedule_looks(pairs, alpha / 2)
    medians = noise(draw, (COMPARISONS, pairs))
    means = medians + noise(draw, (COMPARISONS, pairs))
    return share_called(medians, looks, compute_nominal_level(alpha / 2, looks), means)


def hourly_block(start, level, noise):
    """Return a decision of six processes. start: hours. level: logarithm of their epochs."""
    time = dt.datetime(2025, 1, 2, tzinfo=dt.UTC) + dt.timedelta(hours=start)
    return make_decision([[math.exp(log)] for log in level + noise], time.isoformat())


def count_of_runs(starts, drift, calibrations=200, runs=40):
    """Count the false alarms of pairs of runs in hours of their own, after such calibrations.

    starts: of the blocks, in hours. drift: standard deviation of what the blocks of an hour share.
    """
    draw, alarms = np.random.default_rng(2), 0
    for _ in range(calibrations):
        hours = draw.normal(0, drift, math.ceil(max(starts)) + 1)
        measured = estimate_spread(
            hourly_block(start, hours[int(start)], draw.normal(0, 0.02, 6)) for start in starts
        )
        for log in draw.normal(0, math.sqrt(2 * (drift**2 + 0.02**2 / 5)), runs):
            if measured is None:
                alarms += math.exp(log) > 1.2
            else:
                alarms += compare_ratio(math.exp(log), measured, (5, 5), 0.01).p_slower <= 0.01
    return alarms, calibrations * runs


def main():
    draw = np.random.default_rng(5)
    print("slowdown, pairs, looks, found at 1.2 % and 2 % of noise")
    for slowdown, pairs in ((0.05, 8), (0.05, 10), (0.05, 11), (0.02, 24), (0.01, 71)):
        looks = schedule_looks(pairs, ALPHA / 2)
        level = compute_nominal_level(ALPHA / 2, looks)
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
    for pairs in (8, 10, 11, 15, 24, 40, 71, 180):
        shares = [share_of_family(draw, noise, pairs) for noise in NOISES]
        print(pairs, *(f"{share:.2%}" for share in shares), flush=True)
    print("false alarms of stored runs, with and without the rules of hours")
    print(*(count_of_runs(*blocks) for blocks in BLOCKS))
    stored.HOUR = stored.MIN_BETWEEN = 0.0
    print(*(count_of_runs(*blocks) for blocks in BLOCKS))


if __name__ == "__main__":
    main()
