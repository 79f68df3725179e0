"""How cost grows: numbers worked by hand, cliffs, and intervals that hold in simulated sweeps."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.growth import CLIFF, FEWEST, MODELS, Cliff, Cost, Point, cost, efficiency, exponent
from bench.intervals import Interval, student

# Steps and samples: 48,000 images in batches of 8 to 9,600, and 9,600 to 480,000 in batches of 384.
SWEEP = [(48_000 // size, 48_000) for size in (8, 32, 128, 384, 1920, 9600)] + [
    (samples // 384, samples) for samples in (9600, 19_200, 96_000, 480_000)
]
# With batches of 16 and 960 besides, twelve.
TWELVE = [*SWEEP, (3000, 48_000), (50, 48_000)]
# Seconds of an epoch, of a step and of a sample.
TRUTH = (2e-3, 30e-6, 0.4e-6)


def points(truth=TRUTH, sizes=SWEEP, factors=None):
    """Points of a model, exact but for factors by number of the point."""
    epoch, step, sample = truth
    return [
        Point(steps, samples, (epoch + step * steps + sample * samples) * (factors or {}).get(n, 1))
        for n, (steps, samples) in enumerate(sizes)
    ]


def noisy(draw, spread, truth=TRUTH, sizes=SWEEP):
    factors = np.exp(draw.normal(0, spread, len(sizes))).tolist()
    return points(truth, sizes, dict(enumerate(factors)))


def coefficients(found):
    return [found.epoch.mean, found.step.mean, found.sample.mean]


def off(found):
    return {(each.point.steps, each.point.samples) for each in found.cliffs}


# ----- the fit


def test_exact_points_give_back_their_model_and_leave_no_doubt():
    found = cost(points())
    assert coefficients(found) == pytest.approx(TRUTH)
    for each, true in zip((found.epoch, found.step, found.sample), TRUTH, strict=True):
        assert (each.low, each.high) == (pytest.approx(true), pytest.approx(true))
    assert (found.points, found.cliffs) == (10, ())


@pytest.mark.parametrize("alone", [0, 1, 2])
def test_each_coefficient_alone_is_found_and_the_others_are_nought(alone):
    truth = [0.0, 0.0, 0.0]
    truth[alone] = TRUTH[alone]
    found = cost(points(truth))
    assert coefficients(found)[alone] == pytest.approx(truth[alone])
    for other in {0, 1, 2} - {alone}:
        # A share of the smallest time that such a model says.
        assert coefficients(found)[other] == pytest.approx(0, abs=1e-12 * TRUTH[other])


def test_seconds_are_those_of_the_model():
    found = cost(points())
    # 2 ms + 1,500 steps of 30 µs + 48,000 samples of 0.4 µs.
    assert found.seconds(1500, 48_000) == pytest.approx(0.002 + 0.045 + 0.0192)


# One batch size of 1, sizes 1 and 3. Measured 1 / 1.05 and 1 / 0.95 at the first, twice that at the
# second. Relative errors m/T - 1 are least at m = sum(1/T) / sum(1/T²) = 1 / 1.0025 = 0.997506 and
# twice that; so the slope is 0.498753, and nought is 0.498753 away. The sum of squares is
# 2 * (2 - 4 / 2.005) = 0.00997506 with two degrees of freedom, s² = 0.00498753. The variance of the
# first mean is s² / 2.005 = 0.00248755, of the second s² / 0.50125 = 0.0099502.
BY_HAND = [(1, 1 / 1.05), (1, 1 / 0.95), (3, 2 / 1.05), (3, 2 / 0.95)]


def test_an_interval_worked_out():
    # Of m1 - (m3 - m1) / 2: 2.25 * 0.00248755 + 0.25 * 0.0099502 = 0.0899141²; t = 4.3027.
    found = cost([Point(size, size, seconds) for size, seconds in BY_HAND])
    assert found.epoch.mean == pytest.approx(0.498753, rel=1e-5)
    assert found.epoch.low == pytest.approx(0.498753 - 0.386869, rel=1e-4)
    assert found.epoch.high == pytest.approx(0.498753 + 0.386869, rel=1e-4)
    # Of (m3 - m1) / 2: (0.00248755 + 0.0099502) / 4 = 0.0557622².
    found = cost([Point(7, size, seconds) for size, seconds in BY_HAND])
    assert found.sample.mean == pytest.approx(0.498753, rel=1e-5)
    assert found.sample.low == pytest.approx(0.498753 - 0.239926, rel=1e-4)
    assert found.sample.high == pytest.approx(0.498753 + 0.239926, rel=1e-4)
    assert (found.points, found.cliffs) == (4, ())


def test_a_coefficient_at_nought_is_nought_to_half_a_width():
    # n / T is 1.05 at n = 1 and 0.95 at n = 3, twice each: a free line meets nought below nought.
    # c2 = 4 / 4.01, the sum of squares 4 - 16 / 4.01, s² = 0.00498753. X'X is 2.405556, 2.806667,
    # 4.01, its determinant 1.7689: the error of c0 is sqrt(s² 4.01 / 1.7689) = 0.106332,
    # that of c2 sqrt(s² 2.405556 / 1.7689) = 0.0823569; t = 4.3027.
    measured = [(1, 1 / 1.05)] * 2 + [(3, 3 / 0.95)] * 2
    found = cost([Point(size, size, seconds) for size, seconds in measured])
    assert (found.epoch.mean, found.epoch.low) == (0, 0)
    assert found.epoch.high == pytest.approx(4.3027 * 0.106332, rel=1e-4)
    found = cost([Point(7, size, seconds) for size, seconds in measured])
    assert found.sample.mean == pytest.approx(4 / 4.01)
    assert found.sample.high - found.sample.mean == pytest.approx(4.3027 * 0.0823569, rel=1e-4)


# ----- what can be told


def test_with_the_same_samples_only_the_step_is_told():
    found = cost(points(sizes=SWEEP[:6]))
    assert (found.epoch, found.sample, found.points) == (None, None, 6)
    assert found.step.mean == pytest.approx(TRUTH[1])
    assert found.seconds(1500, 48_000) is None


def test_with_one_batch_size_only_the_epoch_is_told():
    found = cost(points(sizes=SWEEP[6:]))
    assert (found.step, found.sample, found.points) == (None, None, 4)
    assert found.epoch.mean == pytest.approx(TRUTH[0])
    assert found.seconds(125, 48_000) is None


def test_with_the_same_steps_only_the_sample_is_told():
    found = cost(points(sizes=[(100, 100 * size) for size in (8, 32, 128, 384)]))
    assert (found.epoch, found.step, found.points) == (None, None, 4)
    assert found.sample.mean == pytest.approx(TRUTH[2])
    assert found.seconds(100, 48_000) is None


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [(1500, 48_000)],
        [(1500, 48_000)] * 5,
        [(1500, 48_000), (25, 9600)],
        # On a line that is none of the three above: any coefficient can be had from the two others.
        [(100 + steps, 48_000 + 32 * steps) for steps in range(5)],
    ],
)
def test_what_tells_no_coefficient_is_no_model(sizes):
    assert cost(points(sizes=sizes)) is None


@pytest.mark.parametrize("sizes", [SWEEP[:2], SWEEP[:3], [SWEEP[0], SWEEP[3], SWEEP[6]]])
def test_fewer_than_four_points_have_no_interval(sizes):
    found = cost(points(sizes=sizes))
    assert found.step.mean == pytest.approx(TRUTH[1])
    assert (found.step.low, found.step.high, found.points) == (None, None, len(sizes))
    assert cost(points(sizes=[*sizes, (50, 48_000), (30, 48_000)])).step.low is not None


def test_four_points_have_an_interval_and_three_coefficients():
    found = cost(points(sizes=[SWEEP[0], SWEEP[3], SWEEP[6], SWEEP[9]]))
    assert coefficients(found) == pytest.approx(TRUTH)
    assert None not in {found.epoch.low, found.step.high, found.sample.low}


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_positive_number_is_an_error_in_a_sentence(wrong):
    says = "sizes and seconds are positive numbers"
    with pytest.raises(ValueError, match=says):
        cost([*points(), Point(1, 1, wrong)])
    with pytest.raises(ValueError, match=says):
        exponent([(1, 1.0), (2, wrong)])
    with pytest.raises(ValueError, match=says):
        efficiency({1: 1.0}, {1: 1.0, 2: wrong}, 2)
    with pytest.raises(ValueError, match=says):
        efficiency({1: 1.0, 2: wrong}, {1: 1.0}, 2)


def test_no_steps_no_samples_and_no_threads_are_errors():
    for bad in (Point(0, 10, 1.0), Point(10, 0, 1.0)):
        with pytest.raises(ValueError, match="and 0 is none"):
            cost([bad])
    with pytest.raises(ValueError, match="and 0 is none"):
        exponent([(0, 1.0), (2, 1.0)])
    with pytest.raises(ValueError, match="and 0 is none"):
        efficiency({1: 1.0}, {1: 1.0}, 0)


# ----- what changes nothing

truths = st.tuples(st.floats(1e-4, 1e-2), st.floats(1e-6, 1e-3), st.floats(1e-8, 1e-5))
shares = st.lists(st.floats(0.97, 1.03), min_size=10, max_size=10)


@given(truths, shares, st.floats(1e-6, 1e6))
@settings(max_examples=50, deadline=None)
def test_the_unit_of_time_changes_nothing_but_the_unit(truth, factors, unit):
    measured = points(truth, factors={**dict(enumerate(factors)), 4: 20.0})
    found = cost(measured)
    scaled = cost([replace(each, seconds=each.seconds * unit) for each in measured])
    assert off(scaled) == off(found)
    for one, other in zip((found.epoch, found.step, found.sample),
                          (scaled.epoch, scaled.step, scaled.sample), strict=True):  # fmt: skip
        for name in ("mean", "low", "high"):
            expected = getattr(one, name) * unit
            assert getattr(other, name) == pytest.approx(
                expected, rel=1e-6, abs=1e-9 * unit * one.high
            )


@given(truths, shares, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_points_changes_nothing(truth, factors, random):
    measured = points(truth, factors={**dict(enumerate(factors)), 4: 20.0})
    shuffled = random.sample(measured, len(measured))
    assert cost(shuffled) == cost(measured)
    sizes = [(each.samples, each.seconds) for each in measured]
    assert exponent([(each.samples, each.seconds) for each in shuffled]) == exponent(sizes)


@given(truths, shares, st.integers(1, 10_000), st.integers(1, 10_000))
@settings(max_examples=50, deadline=None)
def test_one_more_point_that_the_model_says_changes_no_coefficient(truth, factors, steps, size):
    measured = points(truth, factors=dict(enumerate(factors)))
    found = cost(measured)
    assume(not found.cliffs)
    seconds = found.seconds(steps, steps * size)
    more = cost([*measured, Point(steps, steps * size, seconds)])
    assert (more.points, more.cliffs) == (11, ())
    assert coefficients(more) == pytest.approx(coefficients(found), rel=1e-6, abs=1e-15)


@given(truths, st.lists(st.floats(0.5, 2), min_size=10, max_size=10))
@settings(max_examples=50, deadline=None)
def test_whatever_was_measured_nothing_is_below_nought_and_all_that_is_kept_is_near(truth, factors):
    measured = points(truth, factors=dict(enumerate(factors)))
    found = cost(measured)
    assume(found is not None)
    for each in (found.epoch, found.step, found.sample):
        assert 0 <= each.low <= each.mean <= each.high
    assert found.points + len(found.cliffs) == 10
    assert found.points >= 5
    for each in measured:
        times = each.seconds / found.seconds(each.steps, each.samples)
        is_off = any(each == cliff.point for cliff in found.cliffs)
        assert (abs(math.log(times)) > math.log(1.2)) == is_off


# ----- cliffs


@pytest.mark.parametrize("factor", [1.25, 1.5, 3, 20, 0.5])
@pytest.mark.parametrize("where", range(len(SWEEP)))
def test_each_point_is_found_where_it_is_a_cliff(where, factor):
    measured = points(factors={where: factor})
    found = cost(measured)
    assert found.cliffs == (Cliff(measured[where], pytest.approx(factor)),)
    assert coefficients(found) == pytest.approx(TRUTH)
    assert found.points == 9


def test_any_two_and_three_of_twelve_do_not_hide_each_other():
    # At random because all 220 triples take seconds.
    draw = np.random.default_rng(3)
    triples = list(combinations(range(12), 3))
    some = [triples[n] for n in draw.permutation(len(triples))[:40]]
    for where in [*combinations(range(12), 2), *some]:
        measured = points(sizes=TWELVE, factors=dict(zip(where, (20.0, 7.6, 2.5), strict=False)))
        found = cost(measured)
        assert {each.point for each in found.cliffs} == {measured[n] for n in where}
        assert [each.point for each in found.cliffs] == sorted(each.point for each in found.cliffs)
        assert coefficients(found) == pytest.approx(TRUTH)


def test_cliffs_are_found_among_more_points_than_every_model_can_be_tried_of():
    sizes = [(samples // size, samples) for samples in (9600, 19_200, 48_000, 96_000, 192_000)
             for size in (8, 16, 32, 64, 128, 384, 1920)]  # fmt: skip
    # In the order in which they are tried: the first ones are the cliffs.
    numbers = sorted(range(len(sizes)), key=lambda number: sizes[number])[:14]
    found = cost(points(sizes=sizes, factors=dict.fromkeys(numbers, 3.0)))
    assert math.comb(len(sizes), 3) > MODELS
    assert off(found) == {sizes[number] for number in numbers}
    assert coefficients(found) == pytest.approx(TRUTH)


def test_cliffs_that_were_measured_are_found_in_noise():
    # PyTorch, eager, two cores: 131 ms an epoch at batch 128, 2,630 ms at 1,024, as bad at 1,920.
    draw = np.random.default_rng(7)
    for _ in range(50):
        measured = noisy(draw, 0.04, truth=(2e-3, 0.25e-3, 0.8e-6), sizes=TWELVE)
        for where, seconds in ((4, 2.6), (5, 2.7), (11, 2.63)):
            measured[where] = replace(measured[where], seconds=seconds)
        found = cost(measured)
        assert off(found) >= {(25, 48_000), (5, 48_000), (50, 48_000)}
        assert len(found.cliffs) <= 4
        assert all(each.times > 20 for each in found.cliffs if each.point.seconds > 2.5)
        # Eight or nine points: the standard error of a step's cost is 2 % of it.
        assert found.step.mean == pytest.approx(0.25e-3, rel=0.08)


@pytest.mark.parametrize(("just", "cliffs"), [(1 - 1e-9, 0), (1 + 1e-9, 1)])
@pytest.mark.parametrize("factor", [1 + CLIFF, 1 / (1 + CLIFF)])
def test_a_cliff_is_off_by_more_than_a_fifth_up_or_down(factor, just, cliffs):
    beyond = factor * (just if factor > 1 else 1 / just)
    measured = points(factors={3: beyond})
    found = cost(measured)
    assert len(found.cliffs) == cliffs
    assert found.points == 10 - cliffs
    if cliffs:
        assert found.cliffs == (Cliff(measured[3], pytest.approx(factor)),)
        assert coefficients(found) == pytest.approx(TRUTH)


def test_noise_is_no_cliff():
    draw = np.random.default_rng(11)
    found = [cost(noisy(draw, 0.04)) for _ in range(300)]
    assert sum(bool(each.cliffs) for each in found) <= 3


def test_cliffs_may_be_half_of_the_points_and_no_more():
    wild = {n: 3.0**power for n, power in zip((3, 4, 5, 10, 11, 9), range(1, 7), strict=True)}
    found = cost(points(sizes=TWELVE, factors=wild))
    assert (found.points, len(found.cliffs)) == (6, 6)
    assert coefficients(found) == pytest.approx(TRUTH)
    assert cost(points(sizes=TWELVE, factors={**wild, 8: 2187.0})) is None


def test_cliffs_leave_four_points_or_no_model_fits():
    batches = SWEEP[:6]
    assert cost(points(sizes=batches, factors={3: 9.0, 4: 40.0})).points == FEWEST
    assert cost(points(sizes=batches, factors={3: 9.0, 4: 40.0, 5: 300.0})) is None
    assert cost(points(sizes=batches[:4], factors={2: 9.0})) is None


def test_a_point_that_alone_tells_a_coefficient_is_no_cliff_but_the_end_of_the_model():
    # A fifth of the samples takes ten times as long: the five others say nothing of fewer samples.
    sizes = [*SWEEP[:5], (25, 9600)]
    assert cost(points(sizes=sizes)).points == 6
    assert cost(points(sizes=sizes, factors={5: 30.0})) is None


# ----- intervals


def test_intervals_hold_as_often_as_they_say():
    held = simulated(TRUTH, 2000)
    assert held.min() >= 0.935  # 95 % less three standard errors of 0.5 %
    assert held.max() <= 0.965


@pytest.mark.parametrize("truth", [(0, 30e-6, 0.4e-6), (1e-4, 30e-6, 0.4e-6), (0, 30e-6, 0)])
def test_where_a_cost_is_nought_or_near_it_intervals_hold_no_less_often(truth):
    assert simulated(truth, 500).min() >= 0.92  # three standard errors of 1 %


def simulated(truth, repeats):
    """Return how often each coefficient's interval held it, in sweeps with a noise of 4 %."""
    draw = np.random.default_rng(42)
    held = np.zeros(3)
    for _ in range(repeats):
        found = cost(noisy(draw, 0.04, truth))
        for n, each in enumerate((found.epoch, found.step, found.sample)):
            assert 0 <= each.low <= each.mean <= each.high
            held[n] += each.low <= truth[n] <= each.high
    return held / repeats


# ----- the exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_a_power_of_the_samples_is_its_exponent(power):
    found = exponent([(size, 3e-3 * size**power) for size in (9600, 19_200, 96_000, 480_000)])
    assert found.mean == pytest.approx(power, abs=1e-12)
    assert (found.low, found.high) == (pytest.approx(power, abs=1e-9),) * 2


def test_an_exponent_worked_out():
    # Logarithms to the base 2: x = 0 1 2 3, y = 0 2 1 3. Slope = 4 / 5; residuals from 0.3 + 0.8 x
    # are -0.3 0.9 -0.9 0.3, squares 1.8, s² = 0.9; error = sqrt(0.9 / 5) = 0.424264; t = 4.3027.
    found = exponent([(1, 1.0), (2, 4.0), (4, 2.0), (8, 8.0)])
    assert found.mean == pytest.approx(0.8)
    assert found.high - found.mean == pytest.approx(student(2) * math.sqrt(0.9 / 5))
    assert found.mean - found.low == pytest.approx(4.3027 * 0.424264, rel=1e-4)


def test_three_sizes_give_an_exponent_without_an_interval_and_one_gives_none():
    assert exponent([(1, 1.0), (2, 2.0), (4, 4.0)]) == Interval(pytest.approx(1.0))
    assert exponent([(1, 1.0), (2, 4.0)]) == Interval(pytest.approx(2.0))
    assert exponent([(2, 1.0), (2, 4.0)]) is None
    assert exponent([]) is None


@given(st.lists(st.floats(0.5, 2), min_size=4, max_size=4), st.floats(1e-6, 1e6))
@settings(deadline=None)
def test_no_unit_changes_an_exponent(factors, unit):
    sizes = [(9600 * 2**n, each * 2.0**n) for n, each in enumerate(factors)]
    found = exponent(sizes)
    scaled = exponent([(7 * samples, seconds * unit) for samples, seconds in sizes])
    for name in ("mean", "low", "high"):
        assert getattr(scaled, name) == pytest.approx(getattr(found, name), abs=1e-9)


def test_an_exponents_interval_holds_as_often_as_it_says():
    draw = np.random.default_rng(9)
    sizes = np.array([9600, 19_200, 48_000, 96_000, 480_000])
    held = 0
    for _ in range(1000):
        seconds = 1e-6 * sizes * np.exp(draw.normal(0, 0.04, 5))
        found = exponent(list(zip(sizes.tolist(), seconds.tolist(), strict=True)))
        held += found.low <= 1 <= found.high
    assert 0.93 <= held / 1000 <= 0.97  # three standard errors of 0.7 %


# ----- threads


def test_threads_that_halve_the_time_are_all_made_use_of():
    found = efficiency({1: 2.0, 2: 4.0}, {1: 1.0, 2: 2.0}, 2)
    assert found == Interval(*[pytest.approx(1.0)] * 3)


def test_threads_that_change_nothing_are_a_share_of_their_number():
    assert efficiency({1: 1.0}, {1: 1.0}, 4) == Interval(pytest.approx(0.25))


def test_efficiency_is_taken_round_by_round():
    # 2 / (2 * 1) = 1 and 2 / (2 * 2) = 0.5; the geometric mean is sqrt(0.5). Rounds 3 and 4 have
    # one of the two only. ln 2 / sqrt(2) / sqrt(2) * 12.706 = 4.4035 up and down.
    found = efficiency({1: 2.0, 2: 2.0, 3: 50.0}, {4: 90.0, 2: 2.0, 1: 1.0}, 2)
    assert found.mean == pytest.approx(math.sqrt(0.5))
    assert math.log(found.high / found.mean) == pytest.approx(4.4035, rel=1e-4)
    assert math.log(found.mean / found.low) == pytest.approx(4.4035, rel=1e-4)


def test_no_common_round_is_no_efficiency():
    assert efficiency({1: 1.0}, {2: 1.0}, 2) is None
    assert efficiency({}, {}, 2) is None


def test_what_was_found_cannot_be_changed():
    found = cost(points())
    assert isinstance(found, Cost)
    with pytest.raises(AttributeError):
        found.points = 3
