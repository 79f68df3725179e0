"""What is exported for pyperf, read by pyperf."""

import json
from statistics import fmean, geometric_mean, median, stdev

import pyperf
import pytest
from support.exports import (
    ABSENT,
    ALONE,
    FAILED,
    GOOD,
    PART,
    REFERENCE,
    WRONG,
    figures,
    loaded,
    measured,
    python,
)
from support.records import case, ok, run, write

from bench.report.export import pyperf as ours
from bench.report.load import load


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    (folder / "found.json").write_text(ours.write(load(REFERENCE)))
    return folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The benchmarks of a run in which trials went wrong, as pyperf loads them, by name."""
    folder = tmp_path_factory.mktemp("mixed")
    text = ours.write(loaded(folder / "run"))
    return {each.get_name(): each for each in pyperf.BenchmarkSuite.loads(text)}


def test_pyperf_loads_a_run_a_process_the_first_epoch_its_warmup_the_steady_ones_its_values(
    reference,
):
    suite = pyperf.BenchmarkSuite.load(str(reference / "found.json"))
    expected = measured(REFERENCE)
    assert suite.get_benchmark_names() == sorted(expected)
    for each in suite:
        found = [(run.warmups, run.values) for run in each.get_runs()]
        assert found == [
            (((1, first),), tuple(epochs)) for first, epochs in expected[each.get_name()]
        ]
        assert (each.get_unit(), each.get_total_loops()) == ("second", 1)


def test_the_figure_of_the_report_follows_from_the_runs(reference):
    expected = figures(REFERENCE)
    for each in pyperf.BenchmarkSuite.load(str(reference / "found.json")):
        found = geometric_mean([median(run.values) for run in each.get_runs()])
        assert found == pytest.approx(expected[each.get_name()][0], rel=1e-12)


def test_pyperf_shows_its_statistics_of_the_steady_epochs(reference):
    shown = python(reference, "-m", "pyperf", "stats", "found.json")
    name, processes = next(iter(sorted(measured(REFERENCE).items())))
    section = shown.partition(name)[2]
    values = [value for _, epochs in processes for value in epochs]
    assert "Number of warmup per run: 1" in section
    assert f"Total number of values: {len(values)}" in section
    mean, spread = 1000 * fmean(values), 1000 * stdev(values)
    assert f"Mean +- std dev: {mean:.1f} ms +- {spread:.1f} ms" in section


def test_pyperf_compares_two_exports_and_shows_one(tmp_path):
    slow = write(tmp_path / "slow", run(case()), *(ok(case(), n, 0.5) for n in (1, 2, 3)))
    fast = write(tmp_path / "fast", run(case()), *(ok(case(), n, 0.25) for n in (1, 2, 3)))
    for folder in (slow, fast):
        (tmp_path / f"{folder.name}.json").write_text(ours.write(load(folder)))
    compared = python(tmp_path, "-m", "pyperf", "compare_to", "slow.json", "fast.json")
    assert "2.00x faster" in compared
    shown = python(tmp_path, "-m", "pyperf", "show", "slow.json", "--metadata")
    assert f"- name: {case().slug}" in shown
    assert "- python_version: 3.11.9" in shown


def test_metadata_are_of_the_records_and_say_what_went_wrong(mixed):
    found = mixed[PART.slug].get_metadata()
    expected = {
        "name": PART.slug, "cpu_model_name": "Test CPU", "cpu_count": 4, "platform": "Linux 6.1",
        "python_implementation": "cpython", "python_version": "3.11.9", "loops": 1,
        "softmax_bench_machine": "0123456789ab", "softmax_bench_trials": 3,
        "softmax_bench_ranked": "yes", "softmax_bench_faults": "timeout: 600 s are over",
        "softmax_bench_validation_accuracy": 0.8396, "softmax_bench_parity_error": 1.5e-6,
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert mixed[WRONG.slug].get_metadata()["softmax_bench_ranked"] == "no"
    assert mixed[GOOD.slug].get_runs()[0].get_metadata()["mem_max_rss"] == 512 * 2**20
    assert mixed[GOOD.slug].get_total_duration() == pytest.approx(36.0)


def test_cases_without_times_are_left_out(mixed):
    assert mixed.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE)}
    assert not mixed.keys() & {FAILED.slug, ABSENT.slug}


def test_a_record_that_says_little_gives_a_file_all_the_same(tmp_path):
    folder = write(
        tmp_path / "run", run(case()),
        ok(case(), first_epoch_seconds=None, wall_seconds=None, peak_rss_bytes=None), machine={},
        software={},
    )  # fmt: skip
    (found,) = pyperf.BenchmarkSuite.loads(ours.write(load(folder)))
    assert found.get_runs()[0].warmups == ()
    assert "cpu_model_name" not in found.get_metadata()
    assert json.loads(ours.write(load(folder)))["version"] == "1.0"
