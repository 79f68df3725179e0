"""The rate of called slowdowns, and the smallest detected slowdown, by brute force."""

import math

import numpy as np
import pytest
from support.comparisons import spread_evenly

from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.false_alarms import schedule_looks
from bench.regression.stats.power import (
    DecisionCount,
    calls_slowdown,
    count_disjoint,
    count_drawn,
    find_least_detected_log,
    find_smallest_slowdown,
)

STRICT = Rule(tolerance=0.0)


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine
# 17 (1998), pp. 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("count", "total", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))],
)
def test_count_interval_is_that_of_wilson(count, total, interval):
    assert DecisionCount(count, total, 1).interval == pytest.approx(interval, abs=5e-5)


def test_first_decisive_look_decides():
    slow, same, fast = [0.1] * 12, [0.0] * 12, [-0.1] * 12
    looks = (12, 24)
    assert calls_slowdown(slow, looks, STRICT)
    assert calls_slowdown(slow + fast, looks, STRICT)
    assert not calls_slowdown(fast + slow * 5, (12, 72), STRICT)
    # The first look says no change with a tolerance, and undecided without one.
    late = same + [0.1] * 24
    assert calls_slowdown(late, (12, 36), STRICT)
    assert not calls_slowdown(late, (12, 36), Rule())
    assert calls_slowdown(late, (36,), Rule())


def test_undecided_is_no_slowdown():
    assert not calls_slowdown([0.1, -0.1] * 6, (10, 12), STRICT)
    assert not calls_slowdown([0.1] * 9, (10, 12), STRICT)


def test_larger_family_needs_more_evidence():
    logs = [0.1] * 10
    assert calls_slowdown(logs, (10,), Rule(family=10))  # 10 * 2 ** -10 = 0.0098
    assert not calls_slowdown(logs, (10,), Rule(family=11))
    # Ten equal pairs are no change for one metric, and undecided for ten.
    late = [0.0] * 10 + [0.1] * 40
    assert not calls_slowdown(late, (10, 50), Rule())
    assert calls_slowdown(late, (10, 50), Rule(family=10))


def test_disjoint_windows_use_each_pair_once():
    # Four windows of ten pairs, of which the first and the last are slow; five pairs remain.
    slow, same = [0.1] * 10, [0.1, -0.1] * 5
    logs = [*slow, *same, *same, *slow, *[0.1] * 5]
    assert count_disjoint(logs, 10, STRICT) == DecisionCount(2, 4, 4)
    assert count_disjoint([0.1] * 40, 10, STRICT) == DecisionCount(4, 4, 4)
    assert count_disjoint([0.1] * 9, 10, STRICT) == DecisionCount(0, 0, 0)


def test_drawn_decisions_count_independent_windows():
    logs = [0.1] * 45
    assert count_drawn(logs, 10, STRICT, 30) == DecisionCount(30, 30, 4)
    assert count_drawn(logs[:10], 10, STRICT, 3) == DecisionCount(3, 3, 1)
    # Only windows of mostly slow pairs call a slowdown.
    mixed = count_drawn([-0.1] * 10 + [0.1] * 10, 10, STRICT, 200)
    assert 0 < mixed.count < 100


def least_by_bisection(logs, looks, rule):
    """Return the least shift of all pairs for which a slowdown is called."""
    low, high = -1.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if calls_slowdown([log + middle for log in logs], looks, rule):
            high = middle
        else:
            low = middle
    return high


@pytest.mark.parametrize("rule", [STRICT, Rule(), Rule(tolerance=0.0, family=4), Rule(alpha=0.05)])
@pytest.mark.parametrize("pairs", [12, 40])
def test_least_detected_slowdown_agrees_with_bisection(rule, pairs):
    looks = schedule_looks(pairs)
    for seed in range(2):
        logs = (np.random.default_rng(seed).standard_t(3, pairs) * 0.02).tolist()
        least = find_least_detected_log(logs, looks, rule)
        assert least == pytest.approx(least_by_bisection(logs, looks, rule), abs=1e-12)


def test_equal_pairs_detect_the_tolerance_itself():
    assert find_least_detected_log([0.0] * 12, (10, 12), STRICT) == 0.0
    assert find_least_detected_log([0.0] * 12, (10, 12), Rule()) == pytest.approx(math.log(1.02))
    assert find_smallest_slowdown([0.0] * 12, 10, Rule(), 20) == pytest.approx(0.02)


def test_too_few_pairs_detect_nothing():
    assert find_least_detected_log([0.0] * 6, (6,), STRICT) == math.inf
    assert find_smallest_slowdown([0.01] * 12, 10, Rule(family=50), 20) == math.inf


def test_smallest_slowdown_is_detected_in_95_of_100_draws():
    logs, pairs, draws = spread_evenly(60, 0.05), 24, 100
    least = math.log1p(find_smallest_slowdown(logs, pairs, STRICT, draws))

    def called(slowdown):
        return sum(
            calls_slowdown((item + slowdown).tolist(), schedule_looks(pairs), STRICT)
            for item in power._resample(logs, pairs, draws)
        )

    assert called(least + 1e-9) >= 0.95 * draws
    assert called(least - 1e-9) <= 0.95 * draws
