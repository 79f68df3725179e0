"""What is exported for pytest-benchmark, read by pytest-benchmark."""

import csv
import json
from statistics import fmean, geometric_mean, median, stdev

import pytest
from pytest_benchmark.stats import Stats
from support.exports import (
    ALONE,
    COMMIT,
    FAILED,
    GOOD,
    PART,
    REFERENCE,
    WRONG,
    figures,
    loaded,
    measured,
    python,
    surroundings,
)
from support.records import case, ok, run, write

from bench.report.export import pytest_benchmark
from bench.report.load import load


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return json.loads(pytest_benchmark.write(loaded(tmp_path_factory.mktemp("run") / "run")))


def test_the_tool_compares_two_exports_and_its_figures_are_of_the_medians_of_processes(tmp_path):
    expected = measured(REFERENCE)
    for name in ("first.json", "second.json"):
        (tmp_path / name).write_text(pytest_benchmark.write(load(REFERENCE)))
    shown = python(tmp_path, "-m", "pytest_benchmark", "compare", "first.json", "second.json",
                   "--csv=found", "--columns=mean,stddev,median,rounds,iterations")  # fmt: skip
    assert "Name (time in ms)" in shown
    with (tmp_path / "found.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * len(expected)
    for row in rows:
        medians = [median(epochs) for _, epochs in expected[row["name"].partition(" ")[0]]]
        assert float(row["mean"]) == pytest.approx(fmean(medians), rel=1e-12)
        assert float(row["median"]) == pytest.approx(median(medians), rel=1e-12)
        assert float(row["stddev"]) == pytest.approx(stdev(medians) if medians[1:] else 0, rel=1e-9)
        assert (row["rounds"], row["iterations"]) == (str(len(medians)), "1")


def test_data_is_one_value_a_process_and_gives_the_figure_of_the_report():
    found = json.loads(pytest_benchmark.write(load(REFERENCE)))["benchmarks"]
    expected, epochs = figures(REFERENCE), measured(REFERENCE)
    assert [each["name"] for each in found] == sorted(expected)
    for each in found:
        mean, low, high = expected[each["name"]]
        assert geometric_mean(each["stats"]["data"]) == pytest.approx(mean, rel=1e-12)
        assert list(each["extra_info"]["epoch_seconds"].values()) == [
            pytest.approx(mean, rel=1e-12), low and pytest.approx(low, rel=1e-9),
            high and pytest.approx(high, rel=1e-9),
        ]  # fmt: skip
        processes = epochs[each["name"]]
        assert each["extra_info"]["epoch_seconds_by_process"] == [many for _, many in processes]
        assert each["extra_info"]["first_epoch_seconds"] == [first for first, _ in processes]


@pytest.mark.parametrize("data", [
    [0.5], [0.5, 0.25], [3.0, 1.0, 2.0], [1.0, 2.0, 4.0, 8.0], [5.0, 1.0, 1.5, 2.0, 9.0],
    [1.0, 1.1, 1.2, 1.3, 1.4, 9.0], [0.1, 5.0, 5.1, 5.2, 5.3, 5.4, 11.0], [2.0, 2.0, 2.0],
])  # fmt: skip
def test_statistics_are_those_that_the_tool_computes(data):
    stats = Stats()
    for value in data:
        stats.update(value)
    found = pytest_benchmark.statistics(data)
    assert (found.pop("data"), found.pop("iterations")) == (data, 1)
    expected = stats.as_dict()
    assert found.keys() == expected.keys()
    assert found.pop("outliers") == expected.pop("outliers")
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_case_without_times_is_left_out_and_one_that_is_not_ranked_is_said_to_be(document):
    by_name = {each["fullname"]: each for each in document["benchmarks"]}
    assert by_name.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE)}
    assert FAILED.slug not in json.dumps(document)
    info = by_name[WRONG.slug]["extra_info"]
    assert (info["ranked"], info["faults"]) == (False, ["failed: parity error"])
    assert by_name[PART.slug]["extra_info"]["trials"] == 3
    assert by_name[PART.slug]["stats"]["rounds"] == 2


def test_cases_of_one_size_are_a_group_and_their_parameter_is_the_implementation(document):
    assert {each["group"] for each in document["benchmarks"]} == {"sgd-cpu-b32-t2-n48000"}
    assert {each["param"] for each in document["benchmarks"]} == {
        each.implementation for each in (GOOD, PART, WRONG, ALONE)
    }


def test_machine_and_commit_are_those_of_the_records(document):
    here = document["machine_info"]
    assert here["cpu"] == {"brand_raw": "Test CPU", "count": 4}
    assert (here["system"], here["release"], here["machine"]) == ("Linux", "6.1", "x86_64")
    assert (here["python_version"], here["softmax_bench_machine"]) == ("3.11.9", "0123456789ab")
    assert (document["commit_info"]["id"], document["commit_info"]["dirty"]) == (COMMIT, False)
    assert document["datetime"] == "2025-01-02T03:04:05+00:00"


def test_code_that_no_commit_has_is_said_to_be_dirty(tmp_path):
    suite = {"version": "0.1.0", "commit": None, "dirty": True}
    folder = write(tmp_path / "run", run(case()), ok(case()), **surroundings(suite=suite))
    found = json.loads(pytest_benchmark.write(load(folder)))["commit_info"]
    assert (found["id"], found["dirty"]) == ("unversioned", True)
