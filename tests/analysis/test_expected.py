"""Ranges that predict hold nine of ten new runs, also those of another processor."""

import numpy as np
import pytest
from support.records import HERE, case, trials

from bench.analysis.expected import Expected, expect, list_ratios
from bench.analysis.summary import summarize

PROGRAMS = [f"p{number}" for number in range(12)]


def draw_runs(generator, hours, processors, counts=(4, 3, 5)):
    """Return ratios by processor and run; hours, processors: deviations of their logarithms."""
    runs = {}
    for processor, count in enumerate(counts):
        centres = generator.normal(0, processors, len(PROGRAMS))
        logs = centres + generator.normal(0, hours, (count, len(PROGRAMS)))
        runs[f"cpu {processor}"] = [dict(zip(PROGRAMS, np.exp(own), strict=True)) for own in logs]
    return runs


@pytest.mark.parametrize(("hours", "processors"), [(0.05, 0.12), (0.05, 0.05), (0.08, 0.0)])
def test_nine_of_ten_runs_of_another_processor_lie_inside(hours, processors):
    generator, inside = np.random.default_rng(8), []
    for _ in range(150):
        intervals = expect(draw_runs(generator, hours, processors))
        ((run,),) = draw_runs(generator, hours, processors, [1]).values()
        inside += [intervals[name].holds(run[name]) for name in PROGRAMS]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_a_run_is_one_value_and_a_program_of_one_run_has_no_interval():
    runs = draw_runs(np.random.default_rng(1), 0.05, 0.1)
    runs["cpu 0"][0]["new"] = 2.0
    intervals = expect(runs)
    assert list(intervals) == sorted(PROGRAMS)
    assert {one[-2:] for one in intervals.values()} == {(12, 3)}
    for one in intervals.values():
        assert one.low < one.typical < one.high
        assert one.typical**2 == pytest.approx(one.low * one.high)


def test_runs_of_one_processor_predict_no_other():
    with pytest.raises(ValueError, match="several processors"):
        expect(draw_runs(np.random.default_rng(1), 0.05, 0.1, [5]))


def test_ratios_are_quotients_of_times_of_one_thread_and_batches_of_32():
    records = [
        *trials(case("numpy", threads=1), 0.5, 0.5),
        *trials(case("jax", threads=1), 0.75, 0.75),
        *trials(case("jax", threads=2), 9, 9),
        *trials(case("pytorch", threads=1, batch_size=128), 9, 9),
        *trials(case("keras", threads=1, env={"A": "1"}), 9, 9),
        *trials(case("numba", threads=1, samples=9600), 9, 9),
    ]
    assert list_ratios(summarize(records, HERE)) == {"jax": 1.5}
    assert list_ratios(summarize(records[2:], HERE)) == {}


def test_an_interval_holds_its_ends_and_is_written_with_two_digits():
    one = Expected(0.512, 1.0, 23.4, 12, 3)
    assert [one.holds(ratio) for ratio in (0.511, 0.512, 23.4, 23.5)] == [False, True, True, False]
    assert (str(one), str(one._replace(low=0.8, high=1))) == ("0.51 to 23", "0.80 to 1.0")
    assert str(one._replace(low=99.6, high=5149)) == "100 to 5,100"
