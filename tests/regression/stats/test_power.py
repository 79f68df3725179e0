"""The smallest detected slowdown, by brute force, and in blocks of pairs."""

import math

import numpy as np
import pytest

from bench.regression.stats import power
from bench.regression.stats.decision import Rule, decide_metric
from bench.regression.stats.false_alarms import schedule_looks
from bench.regression.stats.power import find_least_detected_log, find_smallest_slowdown
from bench.regression.stats.signed_rank import compare_pairs

STRICT = Rule(tolerance=0.0)


def calls_slowdown(logs, looks, rule):
    for count in looks:
        difference = compare_pairs(logs[:count], looks, rule.alpha_per_test)
        p_values = (rule.family * p for p in (difference.p_slower, difference.p_faster))
        if decide_metric(difference.ratio, rule, *p_values) == "slower":
            return True
    return False


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
    looks = schedule_looks(pairs, rule.alpha_per_test)
    for seed in range(2):
        logs = (np.random.default_rng(seed).standard_t(3, pairs) * 0.02).tolist()
        least = find_least_detected_log(logs, looks, rule)
        assert least == pytest.approx(least_by_bisection(logs, looks, rule), abs=1e-12)


def test_too_few_pairs_detect_nothing():
    assert find_least_detected_log([0.0] * 6, (6,), STRICT) == math.inf
    assert find_smallest_slowdown([0.01] * 12, 10, Rule(family=50), 20) == math.inf


def test_bursts_of_noise_hide_more_than_their_pairs_one_by_one(monkeypatch):
    # A third of the pairs are ten times as noisy, in a burst.
    random = np.random.default_rng(7)
    noisy, quiet = random.normal(0, 0.1, 40), random.normal(0, 0.01, 80)
    logs = [*quiet[:40], *noisy, *quiet[40:]]
    least = find_smallest_slowdown(logs, 10, STRICT)
    monkeypatch.setattr(power, "BLOCK", 1)
    assert least > 1.2 * find_smallest_slowdown(logs, 10, STRICT)
