"""Where a second device overtakes a first, on one machine or two, worked out by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from scipy import stats
from support.devices import BATCHES, on, swept_on
from support.records import bare, case, environment, trials

import bench
from bench.analysis.crossover import (
    compare_machines,
    find_device_crossovers,
    find_machine_crossovers,
    interpolate_crossing,
)
from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.report.load import load_runs

HERE = {"here": environment()}
REFERENCE = Path(bench.__file__).parents[1] / "results" / "reference"
PUBLISHED = [REFERENCE / name for name in ("amd-epyc-2-cores", "intel-xeon-2-cores")]


@pytest.mark.parametrize(
    ("speedups", "batch_size"),
    [
        # From 1/2 at 8 to 8 at 128: a quarter of the way, 8 * 16 ** (1 / 4) = 16.
        ({8: 0.5, 128: 8.0}, 16),
        ({8: 0.5, 32: 1.0, 128: 2.0}, 32),  # faster only after a speedup of exactly 1
        ({8: 4.0, 32: 0.5, 128: 2.0}, 64),  # the last upward crossing
        ({8: 0.5, 32: 2.0, 128: 0.5, 512: 2.0}, 256),
        ({8: 2.0, 32: 1.0, 128: 2.0}, 32),
        ({8: 4.0, 32: 2.0}, 0),
        ({32: 1.01}, 0),
        ({8: 0.5, 32: 0.9}, math.inf),
        ({8: 0.5, 32: 2.0, 128: 0.5}, math.inf),
        ({8: 2.0, 32: 1.0}, math.inf),
    ],
)
def test_crossing_is_interpolated_between_logarithms(speedups, batch_size):
    assert interpolate_crossing(speedups) == pytest.approx(batch_size)


# ----- CPU and GPU


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


def bounded(batch_size, speedup, factor):
    """Return two rounds whose speedup has an interval from over to times the factor."""
    # The half-width is 12.706 * |x - y| / 2 of the two logarithms.
    half = math.log(factor) / 12.7062
    times = (speedup * math.exp(half), speedup * math.exp(-half))
    return both("a", {batch_size: (times, (1.0, 1.0))})


def crossovers(*records, workload="sgd"):
    return find_device_crossovers(summarize(records, HERE), workload)


def means(crossover):
    return {size: speedup.mean for size, speedup in crossover.speedups.items()}


def test_device_crossover_has_speedups_by_batch_size():
    # From 1/2 at 32 to 2 at 128: half the way, at the square root of 32 * 128 = 4,096.
    seconds = {8: (1.0, 4.0), 384: (1.0, 0.1), 32: (1.0, 2.0), 128: (1.0, 0.5)}
    (crossover,) = crossovers(*both("a", seconds))
    assert crossover.name == "a"
    assert list(crossover.speedups) == [8, 32, 128, 384]
    assert means(crossover) == pytest.approx({8: 0.25, 32: 0.5, 128: 2.0, 384: 10.0})
    assert crossover.batch_size.mean == pytest.approx(64)


# At 8 and 128 or 32, the mean speedups; their bounds are half and twice that.
@pytest.mark.parametrize(
    ("first", "second", "low", "mean", "high"),
    [
        # Upper bounds 1/2 and 8: 8 * 16 ** (1 / 4) = 16; lower ones 1/8 and 2: 64.
        ((8, 0.25), (128, 4.0), 16, 32, 64),
        ((8, 0.25), (32, 0.25), math.inf, math.inf, math.inf),
        ((8, 4.0), (32, 4.0), 0, 0, 0),
        # Upper bounds 1/2 and 1.6, of which only the mean ends below 1.
        ((8, 0.25), (32, 0.8), 8 * 4 ** (math.log(2) / math.log(3.2)), math.inf, math.inf),
        # Lower bounds 0.4 and 2; the upper ones are above 1 throughout.
        (
            (8, 0.8),
            (32, 4.0),
            0,
            8 * 4 ** (math.log(1.25) / math.log(5)),
            8 * 4 ** (math.log(2.5) / math.log(5)),
        ),
    ],
)
def test_interval_reaches_from_upper_to_lower_bounds(first, second, low, mean, high):
    (crossover,) = crossovers(*bounded(*first, 2), *bounded(*second, 2))
    interval = crossover.batch_size
    assert (interval.low, interval.mean, interval.high) == pytest.approx((low, mean, high), 1e-4)


def test_one_round_gives_no_interval():
    (crossover,) = crossovers(*bounded(8, 0.25, 2), *both("a", {128: (4.0, 1.0)}))
    assert crossover.batch_size == Interval(pytest.approx(32))


def test_only_sizes_ranked_on_both_devices_are_compared():
    alone = trials(case("a", batch_size=1920), 0.1)
    gpu_only = trials(case("b", batch_size=8, device="gpu"), 0.1)
    wrong = both("c", {8: (1.0, 0.5)})
    wrong += trials(case("c", batch_size=32), 1.0)
    wrong += trials(case("c", batch_size=32, device="gpu"), 0.1, status="failed")
    compared = crossovers(*both("a", {8: (1.0, 0.5)}), *alone, *gpu_only, *wrong)
    assert sorted((one.name, list(one.speedups)) for one in compared) == [("a", [8]), ("c", [8])]
    assert crossovers(*alone) == crossovers() == []
    assert crossovers(*both("a", {8: (1.0, 0.5)}), workload="textbook") == []


def test_fewer_threads_and_other_samples_are_not_compared():
    sizes = both("a", {8: (1.0, 2.0), 32: (1.0, 0.5)})
    one_thread = trials(case("a", batch_size=8, threads=1), 9.0)
    one_thread += trials(case("a", batch_size=128), 1.0)
    one_thread += trials(case("a", batch_size=128, device="gpu", threads=1), 9.0)
    more = both("a", {8: (1.0, 0.1)}, samples=96000)
    (crossover,) = crossovers(*sizes, *one_thread, *more)
    assert means(crossover) == pytest.approx({8: 0.5, 32: 2.0})


# ----- two machines


def rows_at(machine, *records):
    return [replace(row, machine=machine) for row in summarize(records, HERE)]


def row_at(machine, *epochs, **changes):
    (row,) = rows_at(machine, *trials(case("a", **changes), *epochs))
    return row


def log_medians(folder, implementation):
    """Return the logarithm of each process's median epoch, from the file itself."""
    lines = map(json.loads, (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines())
    slug = f"sgd-{implementation}-cpu-b32-t2-n48000"
    return np.log(
        [
            median(line["epoch_seconds"])
            for line in lines
            if line["kind"] == "trial"
            and line["status"] == "ok"
            and line["trial"].partition("-")[2] == slug
        ]
    )


@pytest.mark.parametrize("implementation", ["jax", "pytorch", "numpy"])
def test_speedup_of_published_runs_matches_scipy(implementation):
    base_logs, logs = (log_medians(folder, implementation) for folder in PUBLISHED)
    assert len(base_logs) == len(logs) == 5
    expected = stats.ttest_ind(base_logs, logs, equal_var=False).confidence_interval(0.95)
    base, row = (
        next(
            row
            for row in measured.rows
            if not row.swept
            and row.case.workload == "sgd"
            and row.case.implementation == implementation
        )
        for measured in load_runs(PUBLISHED)
    )
    speedup = compare_machines(row, base)
    assert np.log(speedup.mean) == pytest.approx(base_logs.mean() - logs.mean())
    assert np.log([speedup.low, speedup.high]) == pytest.approx([*expected])


def test_processes_of_two_machines_are_not_paired():
    # Paired by round they would have the ratio 2 exactly.
    speedup = compare_machines(row_at("x", 0.5, 2.0, 1.0), row_at("y", 1.0, 4.0, 2.0))
    assert speedup.mean == pytest.approx(2)
    assert speedup.low < 0.5
    assert speedup.high > 8


def test_two_devices_of_one_machine_are_paired():
    gpu, cpu = row_at("x", 0.5, 2.0, 1.0, device="gpu"), row_at("x", 1.0, 4.0, 2.0)
    speedup = compare_machines(gpu, cpu)
    assert (speedup.low, speedup.mean, speedup.high) == pytest.approx((2, 2, 2))


def test_speedup_has_no_bounds_for_one_round():
    three = row_at("y", 1.0, 1.1, 1.2)
    assert compare_machines(row_at("x", 0.5), three).low is None
    assert compare_machines(three, row_at("x", 0.5)).low is None


def test_unranked_rows_have_no_speedup():
    three = row_at("y", 1.0, 1.1, 1.2)
    (failed,) = rows_at("x", bare(case("a")))
    (partly,) = rows_at("x", *trials(case("a"), 0.5), bare(case("a"), 2))
    assert partly.epoch is not None
    for row in (failed, partly):
        assert compare_machines(row, three) is compare_machines(three, row) is None


def test_machine_crossover_matches_numpy_interpolation():
    cpu, gpu = rows_at("box", *swept_on("cpu")), rows_at("server", *swept_on("gpu"))
    (crossover,) = find_machine_crossovers(cpu, gpu)
    assert (crossover.name, list(crossover.speedups)) == ("a", list(BATCHES))
    # Times by support.devices.COSTS.
    steps = 48000 // np.array(BATCHES)
    speedups = (0.01 + 2e-5 * steps + 0.024) / (0.002 + 4e-5 * steps + 0.00048)
    expected = np.exp(np.interp(0, np.log(speedups), np.log(BATCHES)))
    assert crossover.batch_size.mean == pytest.approx(expected)
    assert crossover.batch_size.low == pytest.approx(expected)  # its processes never vary
    (inverted,) = find_machine_crossovers(gpu, cpu)
    assert inverted.speedups[8].mean == pytest.approx(1 / speedups[0])
    assert inverted.batch_size.mean == np.inf
    assert inverted.inverted.batch_size.mean == pytest.approx(expected)


def test_machine_crossover_needs_two_common_sizes():
    two = [*on("cpu"), *on("cpu", batch_size=8)]
    assert find_machine_crossovers(rows_at("x", *two), rows_at("y", *on("cpu"))) == []
    assert len(find_machine_crossovers(rows_at("x", *two), rows_at("y", *two))) == 1
    assert find_machine_crossovers(rows_at("x", *two), []) == []
    assert find_machine_crossovers([], rows_at("x", *two)) == []
