"""Looks at the pairs: published constants, and error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from bench.regression.stats.false_alarms import (
    compute_nominal_level,
    compute_overall_level,
    schedule_looks,
)

DESIGNS = st.lists(st.integers(1, 400), min_size=1, max_size=5, unique=True).map(
    lambda looks: tuple(sorted(looks))
)


@pytest.mark.parametrize(
    ("pairs", "alpha", "looks"),
    [
        (180, 0.01, (10, 60, 180)),
        (58, 0.01, (10, 20, 58)),
        (57, 0.01, (10, 57)),
        (20, 0.01, (10, 20)),
        (19, 0.01, (19,)),
        (1, 0.01, (1,)),
        # Of four cases: log2(8 / 0.0025) = 11.6.
        (180, 0.0025, (12, 60, 180)),
        (23, 0.0025, (23,)),
    ],
)
def test_looks_at_few_a_third_and_all_pairs(pairs, alpha, looks):
    assert schedule_looks(pairs, alpha) == looks


# P. Armitage et al. and S. J. Pocock: critical values of the normal deviate for equally spaced
# looks, at 5 % two-sided.
@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.960), (2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413), (10, 2.555)]
)
@pytest.mark.parametrize("apart", [1, 40])
def test_critical_values_published_by_pocock(looks, constant, apart):
    level = compute_nominal_level(0.025, tuple(apart * number for number in range(1, looks + 1)))
    assert norm.isf(level) == pytest.approx(constant, abs=5.5e-4)


# For two looks, SciPy computes the distribution function to nine digits, and for three to three.
@pytest.mark.parametrize(
    ("looks", "digits"),
    [
        *((two, 5) for two in [(10, 12), (30, 180), (300, 301), (1, 400), (1999, 2000)]),
        *((three, 2) for three in [(30, 60, 180), (10, 11, 33), (30, 60, 61)]),
    ],
)
@pytest.mark.parametrize("level", [0.2, 0.005, 1e-4])
def test_unequal_looks_agree_with_the_multivariate_normal_distribution(looks, digits, level):
    roots = np.sqrt(looks)
    correlation = np.minimum.outer(roots, roots) / np.maximum.outer(roots, roots)
    precise = {"maxpts": 10**6, "abseps": 1e-9, "releps": 1e-9, "seed": 1}
    sums = multivariate_normal(np.zeros(len(looks)), correlation, **precise)
    either = 1 - sums.cdf([norm.isf(level)] * len(looks))
    assert compute_overall_level(level, looks) == pytest.approx(either, rel=10**-digits)


@pytest.mark.parametrize("level", [1e-12, 1e-30, 1e-100, 1e-300])
def test_tiny_levels_survive_the_quadrature(level):
    looks = (30, 60, 180)
    # Far out in the tail two looks hardly ever cross together, so their levels add up.
    assert compute_overall_level(level, looks) == pytest.approx(3 * level, rel=0.01)
    assert compute_overall_level(level, looks) <= 3 * level * (1 + 1e-6)


def test_level_0_is_never_reached():
    assert compute_overall_level(0.0, (100, 200, 1200)) == 0.0


@pytest.mark.parametrize("level", [0.5, 0.7, 1.0])
def test_level_from_a_half_on_is_always_reached(level):
    assert compute_overall_level(level, (10, 20)) == 1.0


@settings(max_examples=10)
@given(DESIGNS, st.floats(1e-5, 0.2))
def test_nominal_level_gives_the_overall_rate(looks, alpha):
    level = compute_nominal_level(alpha, looks)
    assert alpha / len(looks) * (1 - 1e-6) <= level <= alpha
    if len(looks) > 1:
        assert compute_overall_level(level, looks) == pytest.approx(alpha, rel=1e-5)
