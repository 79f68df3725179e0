"""Exports: the command, what is exported, and what pyperf and pytest-benchmark read of it."""

import csv
import json
from statistics import fmean, geometric_mean, median, stdev

import pyperf
import pytest
from pytest_benchmark.stats import Stats
from support.exports import (
    ABSENT,
    ALONE,
    COMMIT,
    FAILED,
    GOOD,
    NEVER,
    PART,
    REFERENCE,
    WRONG,
    figures,
    loaded,
    measured,
    mixed,
    python,
)
from support.records import bare, case, environment, ok, run, write

from bench.errors import UserError
from bench.records import store
from bench.report.export import pyperf as pyperf_format
from bench.report.export import pytest_benchmark
from bench.report.export.cases import (
    list_remarks,
    select_cases,
)
from bench.report.load import load_run, load_whole_run


def export_pyperf(run):
    return json.dumps(pyperf_format.export_run(run), allow_nan=False)


def export_pytest_benchmark(run):
    return json.dumps(pytest_benchmark.export_run(run), allow_nan=False)


# ----- the command


@pytest.mark.parametrize("style", ["pytest-benchmark", "pyperf"])
def test_stdout_is_the_document_and_stderr_its_remarks(tmp_path, command, style):
    mixed(tmp_path / "run")
    process = command(tmp_path, "export", "run", f"--format={style}")
    assert process.returncode == 0
    run = load_run(tmp_path / "run")
    export = export_pyperf if style == "pyperf" else export_pytest_benchmark
    assert json.loads(process.stdout) == json.loads(export(run))
    assert process.stderr.splitlines() == list_remarks(run)
    assert all(of.slug in process.stderr for of in (PART, WRONG, FAILED, ABSENT, NEVER))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "--format=xml"], "'pytest-benchmark', 'pyperf'"),
        (["run"], "--format"),
        (["nothing", "--format=pyperf"], "nothing holds no run"),
        (["run", "--format=pyperf"], "nothing to export"),
    ],
)
def test_wrong_command_is_refused_in_one_line(refused, tmp_path, arguments, reason):
    write(tmp_path / "run", run(case()), bare(case()))
    assert reason in refused("export", *arguments)


# ----- the cases


def test_every_case_with_times_is_exported(tmp_path):
    cases = select_cases(loaded(tmp_path / "run"))
    names = [each.slug for each in (PART, GOOD, WRONG, ALONE)]
    assert [each.name for each in cases] == sorted(names)
    ranked = {each.name for each in cases if each.correctness["ranked"]}
    assert ranked == {GOOD.slug, PART.slug, ALONE.slug}


def test_correctness_is_beside_the_time(tmp_path):
    by_name = {each.name: each for each in select_cases(loaded(tmp_path / "run"))}
    assert by_name[PART.slug].correctness == {
        "ranked": True,
        "validation_accuracy": 0.8396,
        "test_accuracy": 0.8321,
        "parity_error": 1.5e-6,
        "trials": 3,
        "faults": ["timeout: 600 s are over"],
    }
    assert by_name[WRONG.slug].correctness["parity_error"] == 0.5
    assert by_name[GOOD.slug].faults == []


def test_remarks_name_what_is_left_out(tmp_path):
    assert sorted(list_remarks(loaded(tmp_path / "run"))) == sorted(
        [
            f"{PART.slug}: 1 of 3 trials failed: timeout: 600 s are over",
            f"not ranked: {WRONG.slug}: failed: parity error",
            f"left out: {FAILED.slug}: out-of-memory: killed",
            f"left out: {ABSENT.slug}: unavailable: numba is not installed",
            f"left out: {NEVER.slug}: not measured",
        ]
    )


def test_run_of_two_machines_is_refused(tmp_path):
    one, other = case(), case("jax")
    folder = write(tmp_path / "run", run(one, other), ok(one), ok(other, environment="there"))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    with pytest.raises(UserError, match="2 machines"):
        select_cases(load_whole_run(folder))


# ----- pyperf


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    (folder / "found.json").write_text(export_pyperf(load_run(REFERENCE)))
    return folder


@pytest.fixture(scope="module")
def pyperf_benchmarks(tmp_path_factory):
    """The benchmarks of a run in which trials went wrong, as pyperf loads them, by name."""
    folder = tmp_path_factory.mktemp("mixed")
    text = export_pyperf(loaded(folder / "run"))
    return {each.get_name(): each for each in pyperf.BenchmarkSuite.loads(text)}


def test_pyperf_loads_processes_with_warmups_and_values(
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


def test_pyperf_compares_two_exports(tmp_path):
    slow = write(tmp_path / "slow", run(case()), *(ok(case(), n, 0.5) for n in (1, 2, 3)))
    fast = write(tmp_path / "fast", run(case()), *(ok(case(), n, 0.25) for n in (1, 2, 3)))
    for folder in (slow, fast):
        (tmp_path / f"{folder.name}.json").write_text(export_pyperf(load_run(folder)))
    compared = python(tmp_path, "-m", "pyperf", "compare_to", "slow.json", "fast.json")
    assert "2.00x faster" in compared
    shown = python(tmp_path, "-m", "pyperf", "show", "slow.json", "--metadata")
    assert f"- name: {case().slug}" in shown
    assert "- python_version: 3.11.9" in shown


def test_pyperf_metadata_are_of_the_records(pyperf_benchmarks):
    found = pyperf_benchmarks[PART.slug].get_metadata()
    expected = {
        "name": PART.slug,
        "cpu_model_name": "Test CPU",
        "cpu_count": 4,
        "platform": "Linux 6.1",
        "python_implementation": "cpython",
        "python_version": "3.11.9",
        "loops": 1,
        "softmax_bench_machine": "0123456789ab",
        "softmax_bench_trials": 3,
        "softmax_bench_ranked": "yes",
        "softmax_bench_faults": "timeout: 600 s are over",
        "softmax_bench_validation_accuracy": 0.8396,
        "softmax_bench_parity_error": 1.5e-6,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert pyperf_benchmarks[WRONG.slug].get_metadata()["softmax_bench_ranked"] == "no"
    assert pyperf_benchmarks[GOOD.slug].get_runs()[0].get_metadata()["mem_max_rss"] == 512 * 2**20
    assert pyperf_benchmarks[GOOD.slug].get_total_duration() == pytest.approx(36.0)


def test_pyperf_loads_a_record_with_few_facts(tmp_path):
    folder = write(
        tmp_path / "run",
        run(case()),
        ok(case(), first_epoch_seconds=None, wall_seconds=None, peak_rss_bytes=None),
        machine={},
        software={},
    )
    (found,) = pyperf.BenchmarkSuite.loads(export_pyperf(load_run(folder)))
    assert found.get_runs()[0].warmups == ()
    assert "cpu_model_name" not in found.get_metadata()
    assert json.loads(export_pyperf(load_run(folder)))["version"] == "1.0"


# ----- pytest-benchmark


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return pytest_benchmark.export_run(loaded(tmp_path_factory.mktemp("run") / "run"))


def test_pytest_benchmark_compares_medians_of_processes(tmp_path):
    expected = measured(REFERENCE)
    for name in ("first.json", "second.json"):
        (tmp_path / name).write_text(export_pytest_benchmark(load_run(REFERENCE)))
    shown = python(
        tmp_path,
        "-m",
        "pytest_benchmark",
        "compare",
        "first.json",
        "second.json",
        "--csv=found",
        "--columns=mean,stddev,median,rounds,iterations",
    )
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


def test_data_have_a_value_for_each_process():
    found = pytest_benchmark.export_run(load_run(REFERENCE))["benchmarks"]
    expected, epochs = figures(REFERENCE), measured(REFERENCE)
    assert [each["name"] for each in found] == sorted(expected)
    for each in found:
        mean, low, high = expected[each["name"]]
        assert geometric_mean(each["stats"]["data"]) == pytest.approx(mean, rel=1e-12)
        assert list(each["extra_info"]["epoch_seconds"].values()) == [
            pytest.approx(mean, rel=1e-12),
            low and pytest.approx(low, rel=1e-9),
            high and pytest.approx(high, rel=1e-9),
        ]
        processes = epochs[each["name"]]
        assert each["extra_info"]["epoch_seconds_by_process"] == [many for _, many in processes]
        assert each["extra_info"]["first_epoch_seconds"] == [first for first, _ in processes]


@pytest.mark.parametrize(
    "data",
    [
        [0.5],
        [0.5, 0.25],
        [3.0, 1.0, 2.0],
        [1.0, 2.0, 4.0, 8.0],
        [5.0, 1.0, 1.5, 2.0, 9.0],
        [1.0, 1.1, 1.2, 1.3, 1.4, 9.0],
        [0.1, 5.0, 5.1, 5.2, 5.3, 5.4, 11.0],
        [2.0, 2.0, 2.0],
    ],
)
def test_statistics_are_those_of_pytest_benchmark(data):
    stats = Stats()
    for value in data:
        stats.update(value)
    found = pytest_benchmark.compute_statistics(data)
    assert (found.pop("data"), found.pop("iterations")) == (data, 1)
    expected = stats.as_dict()
    assert found.keys() == expected.keys()
    assert found.pop("outliers") == expected.pop("outliers")
    assert found == pytest.approx(expected, rel=1e-12)


def test_unranked_case_is_exported_as_such(document):
    by_name = {each["fullname"]: each for each in document["benchmarks"]}
    assert by_name.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE)}
    assert FAILED.slug not in json.dumps(document)
    info = by_name[WRONG.slug]["extra_info"]
    assert (info["ranked"], info["faults"]) == (False, ["failed: parity error"])
    assert by_name[PART.slug]["extra_info"]["trials"] == 3
    assert by_name[PART.slug]["stats"]["rounds"] == 2


def test_machine_and_commit_are_of_the_records(document):
    here = document["machine_info"]
    assert here["cpu"] == {"brand_raw": "Test CPU", "count": 4}
    assert (here["system"], here["release"], here["machine"]) == ("Linux", "6.1", "x86_64")
    assert (here["python_version"], here["softmax_bench_machine"]) == ("3.11.9", "0123456789ab")
    assert (document["commit_info"]["id"], document["commit_info"]["dirty"]) == (COMMIT, False)
    assert document["datetime"] == "2025-01-02T03:04:05+00:00"
