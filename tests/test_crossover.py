"""A GPU pays from the batch size on at which its speedup passes 1: worked out by hand."""

import math

import pytest
from support.records import case, environment, trials

from bench.crossover import find_device_crossovers, interpolate_crossing
from bench.intervals import Interval
from bench.summary import summarize

HERE = {"here": environment()}


def both(name, times, **changes):
    """Records of an implementation by batch size: seconds on the CPU and on the GPU."""
    return [
        record
        for batch_size, pair in times.items()
        for device, seconds in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(
            case(name, device=device, batch_size=batch_size, **changes),
            *(seconds if isinstance(seconds, tuple) else (seconds,)),
        )
    ]


def found(*records, workload="sgd"):
    return find_device_crossovers(summarize(records, HERE), workload)


def test_the_speedup_passes_one_on_a_straight_line_between_logarithms():
    # From 1/2 at 32 to 2 at 128: half the way, at the square root of 32 * 128 = 4,096.
    (one,) = found(*both("a", {8: (1.0, 4.0), 32: (1.0, 2.0), 128: (1.0, 0.5), 384: (1.0, 0.1)}))
    assert one.name == "a"
    assert {size: each.mean for size, each in one.speedups.items()} == pytest.approx(
        {8: 0.25, 32: 0.5, 128: 2.0, 384: 10.0}
    )
    assert one.batch_size.mean == pytest.approx(64)
    # From 1/2 at 8 to 8 at 128: a quarter of the way up from there, 8 * 16 ** (1 / 4) = 16.
    assert interpolate_crossing({8: 0.5, 128: 8.0}) == pytest.approx(16)
    # A speedup of exactly 1 is none: the GPU is the faster from there on.
    assert interpolate_crossing({8: 0.5, 32: 1.0, 128: 2.0}) == pytest.approx(32)


def test_where_it_falls_behind_again_the_last_passing_counts():
    assert interpolate_crossing({8: 4.0, 32: 0.5, 128: 2.0}) == pytest.approx(64)
    assert interpolate_crossing({8: 0.5, 32: 2.0, 128: 0.5, 512: 2.0}) == pytest.approx(256)
    assert interpolate_crossing({8: 0.5, 32: 2.0, 128: 0.5}) == math.inf
    assert interpolate_crossing({8: 2.0, 32: 1.0, 128: 2.0}) == pytest.approx(32)


def test_it_is_the_faster_at_every_batch_size_or_at_none_that_lasts():
    assert interpolate_crossing({8: 4.0, 32: 2.0}) == interpolate_crossing({32: 1.01}) == 0
    assert (
        interpolate_crossing({8: 0.5, 32: 0.9})
        == interpolate_crossing({8: 2.0, 32: 1.0})
        == math.inf
    )


def bounded(size, speedup, times):
    """Two rounds at a batch size: their interval is the speedup, over and times so much."""
    # Logarithms so far apart that 12.706 * |x - y| / 2 is the logarithm of times.
    half = math.log(times) / 12.7062
    return both("a", {size: ((speedup * math.exp(half), speedup * math.exp(-half)), (1.0, 1.0))})


def test_the_interval_is_from_where_the_upper_bounds_cross_to_where_the_lower_do():
    # Means 1/4 and 4, upper bounds 1/2 and 8: 8 * 16 ** (1 / 4) = 16; lower ones 1/8 and 2: 64.
    (one,) = found(*bounded(8, 0.25, 2), *bounded(128, 4.0, 2))
    at = one.batch_size
    assert (at.low, at.mean, at.high) == pytest.approx((16, 32, 64), rel=1e-4)


def test_the_interval_is_open_where_a_bound_does_not_cross():
    (below,) = found(*bounded(8, 0.8, 2), *bounded(32, 4.0, 2))
    assert below.batch_size.low == 0
    assert 8 < below.batch_size.mean < below.batch_size.high < 32
    (beyond,) = found(*bounded(8, 0.25, 2), *bounded(32, 1.5, 2))
    assert 8 < beyond.batch_size.low < beyond.batch_size.mean < 32
    assert beyond.batch_size.high == math.inf
    (never,) = found(*bounded(8, 0.25, 2), *bounded(32, 0.25, 2))
    assert never.batch_size == Interval(math.inf, math.inf, math.inf)
    (perhaps,) = found(*bounded(8, 0.25, 2), *bounded(32, 0.8, 2))
    assert 8 < perhaps.batch_size.low < 32
    assert (perhaps.batch_size.mean, perhaps.batch_size.high) == (math.inf, math.inf)
    (every,) = found(*bounded(8, 4.0, 2), *bounded(32, 4.0, 2))
    assert every.batch_size == Interval(0, 0, 0)


def test_one_round_at_a_batch_size_gives_no_interval():
    (one,) = found(*bounded(8, 0.25, 2), *both("a", {128: (4.0, 1.0)}))
    assert one.batch_size.mean == pytest.approx(32)
    assert (one.batch_size.low, one.batch_size.high) == (None, None)


def test_only_what_both_devices_did_is_compared():
    alone = trials(case("a", batch_size=1920), 0.1)
    other = trials(case("b", batch_size=8, device="gpu"), 0.1)
    wrong = both("c", {8: (1.0, 0.5)})
    wrong += trials(case("c", batch_size=32), 1.0)
    wrong += trials(case("c", batch_size=32, device="gpu"), 0.1, status="failed")
    named = found(*both("a", {8: (1.0, 0.5)}), *alone, *other, *wrong)
    assert sorted((one.name, list(one.speedups)) for one in named) == [("a", [8]), ("c", [8])]
    assert found(*alone) == []
    assert found() == []
    assert found(*both("a", {8: (1.0, 0.5)}), workload="textbook") == []


def test_fewer_threads_and_other_samples_are_not_compared():
    sizes = both("a", {8: (1.0, 2.0), 32: (1.0, 0.5)})
    one_thread = trials(case("a", batch_size=8, threads=1), 9.0)
    more = both("a", {8: (1.0, 0.1)}, samples=96000)
    (one,) = found(*sizes, *one_thread, *more)
    assert {size: each.mean for size, each in one.speedups.items()} == pytest.approx(
        {8: 0.5, 32: 2.0}
    )
