"""CPU and GPU compared round by round and over batch sizes: every number is worked out by hand."""

import math

import pytest
from msgspec import structs
from support.records import HERE, case, run, trials
from support.sweeps import on

from bench.analysis.devices import compare_devices, find_crossovers, interpolate_crossing
from bench.analysis.summary import summarize

# ----- crossovers


@pytest.mark.parametrize(
    ("speedups", "batch_size"),
    [
        # From 1/2 at 8 to 8 at 128: a quarter of the way, 8 * 16 ** (1 / 4) = 16.
        ({8: 0.5, 128: 8.0}, 16),
        ({8: 0.5, 32: 1.0, 128: 2.0}, 32),  # faster only after a speedup of exactly 1
        ({8: 0.5, 32: 2.0, 128: 0.5, 512: 2.0}, 256),  # the last upward crossing
        ({8: 4.0, 32: 2.0}, 0),
        ({8: 0.5, 32: 2.0, 128: 0.5}, math.inf),
        ({8: 2.0, 32: 1.0}, math.inf),
    ],
)
def test_crossing_is_interpolated_between_logarithms(speedups, batch_size):
    assert interpolate_crossing(speedups) == pytest.approx(batch_size)


def both(name, seconds, **changes):
    """Return records by batch size: seconds on the CPU and on the GPU, or of several rounds."""
    return [
        record
        for batch_size, pair in seconds.items()
        for device, times in zip(("cpu", "gpu"), pair, strict=True)
        for record in trials(
            case(name, device=device, batch_size=batch_size, **changes),
            *(times if isinstance(times, tuple) else (times,)),
        )
    ]


def crossovers(*records, workload="sgd"):
    return find_crossovers(summarize(records, HERE), workload)


# At 8 and 128 or 32, the mean speedups; their bounds are half and twice that.
@pytest.mark.parametrize(
    ("first", "second", "low", "mean", "high"),
    [
        # Upper bounds 1/2 and 8: 8 * 16 ** (1 / 4) = 16; lower ones 1/8 and 2: 64.
        ((8, 0.25), (128, 4.0), 16, 32, 64),
        # Upper bounds 1/2 and 1.6, of which only the mean ends below 1.
        ((8, 0.25), (32, 0.8), 8 * 4 ** (math.log(2) / math.log(3.2)), math.inf, math.inf),
    ],
)
def test_interval_reaches_from_upper_to_lower_bounds(first, second, low, mean, high):
    # Two rounds, whose range is stretched by 9 times itself on both sides: 19 times half of it.
    half = math.log(2) / 19
    records = [
        record
        for size, speedup in (first, second)
        for record in both(
            "a", {size: ((speedup * math.exp(half), speedup * math.exp(-half)), (1.0, 1.0))}
        )
    ]
    (crossover,) = crossovers(*records)
    interval = crossover.size
    assert (interval.low, interval.mean, interval.high) == pytest.approx((low, mean, high), 1e-4)


def test_only_sizes_ranked_on_both_devices_are_compared():
    sizes = both("a", {8: (1.0, 2.0), 32: (1.0, 0.5)})
    others = [
        *trials(case("a", batch_size=1920), 0.1),
        *trials(case("a", batch_size=128), 1.0),
        *both("a", {8: (1.0, 0.1)}, samples=96000),
        *trials(case("b", batch_size=8, device="gpu"), 0.1),
        *trials(case("c", batch_size=32), 1.0),
        *trials(case("c", batch_size=32, device="gpu"), 0.1, status="failed"),
    ]
    (crossover,) = crossovers(*sizes, *others)
    means = {size: speedup.mean for size, speedup in crossover.speedups.items()}
    assert means == pytest.approx({8: 0.5, 32: 2.0})
    assert crossovers(*sizes, workload="textbook") == crossovers() == []


@pytest.mark.parametrize(
    ("one", "two", "speedups"),
    [
        (1.0, 3.0, {8: 2.0, 32: 2.0}),  # two threads are three times as slow as one
        (3.0, 1.0, {8: 2.0, 32: 2.0}),
        (None, 3.0, {8: 6.0, 32: 6.0}),
    ],
)
def test_cpu_is_compared_at_its_best_number_of_threads(one, two, speedups):
    records = []
    for size in (8, 32):
        records += trials(case("a", batch_size=size), two, two)
        records += trials(case("a", batch_size=size, device="gpu"), 0.5, 0.5)
        if one is not None:
            records += trials(case("a", batch_size=size, threads=1), one, one)
        # The shortest epochs, but not ranked.
        good, wrong = trials(case("a", batch_size=size, threads=4), 0.1, 0.1)
        records += [good, structs.replace(wrong, status="failed", reason="other mathematics")]
    rows = summarize(records, HERE, run(case(batch_size=32)))
    (crossover,) = find_crossovers(rows, "sgd")
    assert {size: speedup.mean for size, speedup in crossover.speedups.items()} == speedups
    (pair,) = compare_devices(rows, "sgd")
    assert pair.training.mean == pytest.approx(speedups[32])
    assert pair.rows["cpu"].case.threads == (1 if one == 1.0 else 2)


# ----- both devices


def compare(*records, workload="sgd"):
    rows = summarize(records, HERE, run(case()))
    return compare_devices(rows, workload, find_crossovers(rows, workload))


def test_without_gpu_rows_nothing_is_compared():
    assert compare(*on("cpu"), *on("cpu", "b")) == compare() == []
    assert compare(*on("cpu"), *on("gpu"), workload="textbook") == []
