"""Several models at once: rates and crossings, worked out by hand."""

import msgspec
import pytest
from support.records import HERE, case, trials
from support.sweeps import models

from bench.analysis.many import compute_rate, measure_growth
from bench.analysis.summary import summarize

SLOW = models("slow-processes", {1: [1.0, 1.0], 100: [100.0, 100.0]})
FAST = models("fast-processes", {1: [2.0, 2.0], 10: [10.0, 10.0], 100: [50.0, 50.0]})
TOGETHER = models("together", {1: [4.0, 4.0], 10: [10.0, 10.0], 100: [12.5, 12.5]})


def grow(*records):
    return {one.case.implementation: one for one in measure_growth(summarize(records, HERE))}


def test_rates_are_models_times_epochs_a_second():
    growth = grow(*models("a", {1: [0.5], 10: [2.0, 2.1, 2.2]}))["a"]
    one, ten = (compute_rate(growth.rows[number]) for number in (1, 10))
    assert (one.mean, one.low, one.high) == (2.0, None, None)
    assert ten.mean == pytest.approx(10 / growth.rows[10].epoch.mean)
    assert ten.low == pytest.approx(10 / growth.rows[10].epoch.high)
    assert ten.low < ten.mean < ten.high


def test_together_is_compared_with_the_fastest_that_trains_most_models_one_by_one():
    growths = grow(*SLOW, *FAST, *TOGETHER)
    assert list(growths) == ["together", "fast-processes", "slow-processes"]
    crossover = growths["together"].over_processes
    # Half as fast with one model, as fast with ten and four times as fast with a hundred.
    assert {n: s.mean for n, s in crossover.speedups.items()} == {1: 0.5, 10: 1.0, 100: 4.0}
    assert crossover.size.mean == pytest.approx(10.0)
    assert growths["fast-processes"].over_processes is None
    assert grow(*TOGETHER)["together"].over_processes is None


def test_gpu_is_compared_with_the_same_program_on_the_cpu():
    gpu = models("together", {1: [8.0, 8.0], 100: [6.25, 6.25]}, device="gpu")
    rows = measure_growth(summarize([*TOGETHER, *gpu, *FAST], HERE))
    crossover = next(one.over_cpu for one in rows if one.case.device == "gpu")
    assert {n: s.mean for n, s in crossover.speedups.items()} == {1: 0.5, 100: 2.0}
    assert crossover.size.mean == pytest.approx(10.0)
    assert {one.over_cpu for one in rows if one.case.device == "cpu"} == {None}


def test_rows_of_other_workloads_and_failed_ones_do_not_grow():
    wrong = [msgspec.structs.replace(one, status="failed") for one in models("a", {1: [1.0]})]
    assert grow(*wrong, *trials(case("b"), 1.0)) == {}
