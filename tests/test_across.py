"""One case on two machines: numbers of the published runs, worked out once more with SciPy."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from scipy import stats
from support.devices import BATCHES, on, swept_on
from support.records import bare, case, environment, trials

import bench
from bench.crossover import compare_machines, find_machine_crossovers
from bench.report import several
from bench.summary import summarize

HERE = {"here": environment()}
PUBLISHED = Path(bench.__file__).parents[1] / "results" / "reference"
RUNS = [PUBLISHED / name for name in ("amd-epyc-2-cores", "intel-xeon-2-cores")]


def rows_at(where, *records):
    return [replace(row, machine=where) for row in summarize(records, HERE)]


def of(where, *epochs, **changes):
    (row,) = rows_at(where, *trials(case("a", **changes), *epochs))
    return row


def medians(folder, implementation):
    """Return the logarithm of each process's median epoch, from the file itself."""
    lines = map(json.loads, (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines())
    return np.log([
        median(one["epoch_seconds"]) for one in lines
        if one["kind"] == "trial" and one["status"] == "ok"
        and one["trial"].partition("-")[2] == f"sgd-{implementation}-cpu-b32-t2-n48000"
    ])  # fmt: skip


@pytest.mark.parametrize("implementation", ["jax", "pytorch", "numpy"])
def test_the_speedup_of_published_runs_is_what_scipy_makes_of_their_records(implementation):
    there, here = (medians(folder, implementation) for folder in RUNS)
    assert len(there) == len(here) == 5
    expected = stats.ttest_ind(there, here, equal_var=False).confidence_interval(0.95)
    found = [
        next(row for row in each.rows if not row.swept and row.case.workload == "sgd"
             and row.case.implementation == implementation)
        for each in several.read(RUNS)
    ]  # fmt: skip
    times = compare_machines(found[1], found[0])
    assert np.log(times.mean) == pytest.approx(there.mean() - here.mean())
    assert np.log([times.low, times.high]) == pytest.approx([*expected])


def test_the_processes_of_two_machines_are_not_taken_in_pairs():
    # Neighbours in their round they would have the ratio 2 exactly.
    there, here = of("there", 1.0, 4.0, 2.0), of("here", 0.5, 2.0, 1.0)
    found = compare_machines(here, there)
    assert found.mean == pytest.approx(2)
    assert found.low < 0.5
    assert found.high > 8


def test_two_devices_of_one_run_are_taken_round_by_round():
    found = compare_machines(of("one", 0.5, 2.0, 1.0, device="gpu"), of("one", 1.0, 4.0, 2.0))
    assert (found.low, found.mean, found.high) == pytest.approx((2, 2, 2))


def test_one_round_gives_a_speedup_without_bounds_and_a_wrong_row_none():
    three = of("there", 1.0, 1.1, 1.2)
    assert compare_machines(of("here", 0.5), three).low is None
    assert compare_machines(three, of("here", 0.5)).low is None
    (none,) = rows_at("here", bare(case("a")))
    (partly,) = rows_at("here", *trials(case("a"), 0.5), bare(case("a"), 2))
    assert partly.epoch is not None
    for each in (none, partly):
        assert compare_machines(each, three) is None
        assert compare_machines(three, each) is None


def test_more_threads_on_one_machine_are_no_other_case():
    assert compare_machines(of("here", 0.25, threads=64), of("there", 1.0)).mean == pytest.approx(4)


def test_one_machine_overtakes_another_where_its_speedups_cross_one():
    cpu, gpu = rows_at("box", *swept_on("cpu")), rows_at("server", *swept_on("gpu"))
    (found,) = find_machine_crossovers(cpu, gpu)
    assert (found.name, list(found.speedups)) == ("a", list(BATCHES))
    # As support.devices.COSTS say, interpolated by NumPy on the logarithms.
    steps = 48000 // np.array(BATCHES)
    times = (0.01 + 2e-5 * steps + 0.024) / (0.002 + 4e-5 * steps + 0.00048)
    expected = np.exp(np.interp(0, np.log(times), np.log(BATCHES)))
    assert found.batch_size.mean == pytest.approx(expected)
    assert found.batch_size.low == pytest.approx(expected)  # its processes never vary
    (turned,) = find_machine_crossovers(gpu, cpu)
    assert turned.speedups[8].mean == pytest.approx(1 / times[0])
    assert turned.batch_size.mean == np.inf
    assert turned.inverted.batch_size.mean == pytest.approx(expected)


def test_one_size_in_common_is_no_crossing():
    two = [*on("cpu"), *on("cpu", batch_size=8)]
    assert find_machine_crossovers(rows_at("x", *two), rows_at("y", *on("cpu"))) == []
    assert len(find_machine_crossovers(rows_at("x", *two), rows_at("y", *two))) == 1
    assert (
        find_machine_crossovers(rows_at("x", *two), [])
        == find_machine_crossovers([], rows_at("x", *two))
        == []
    )
