"""Exports: the command, what is exported, and what pyperf and pytest-benchmark read of it."""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean, median, stdev

import pyperf
import pytest
from pytest_benchmark.stats import Stats
from support.records import bare, case, environment, ok, trials

from bench.records import store
from bench.records.schema import Parity, TrialRecord
from bench.report.base.load import load_run
from bench.report.export import (
    compute_statistics,
    export_pyperf,
    export_pytest_benchmark,
    list_omissions,
)

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference" / "amd-epyc-2-cores-judged"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Cases by what happens to their trials.
GOOD, PART, WRONG, FAILED, ABSENT, ONCE, NEVER = CASES = tuple(
    case(name) for name in ("good", "part", "wrong", "failed", "absent", "once", "never")
)
MACHINE = {
    "id": "0123456789ab",
    "cpu": "Test CPU",
    "processors": 4,
    "architecture": "x86_64",
    "system": "Linux 6.1",
}
SOFTWARE = {**environment().software, "interpreter": "CPython"}
SUITE = {"version": "0.1.0", "commit": COMMIT, "dirty": False}


@pytest.fixture
def mixed(load):
    """A run with every outcome of a trial."""
    records = [
        *trials(GOOD, 0.5, 0.25, 1.0),
        *trials(PART, 0.125, 0.25),
        bare(PART, 3, status="timeout", reason="600 s are\nover"),
        *trials(WRONG, 0.125, 0.0625),
        bare(WRONG, 3, reason="parity error", parity=Parity(0.5, 1e-5, passed=False)),
        bare(FAILED, status="out-of-memory", reason="killed"),
        bare(ABSENT, status="unavailable", reason="numba is not installed"),
        bare(NEVER, status="interrupted"),
        ok(ONCE, epoch=2.0),
    ]
    facts = {"machine": MACHINE, "software": SOFTWARE, "suite": SUITE}
    return load(*records, cases=CASES, rounds={"sgd": 3}, **facts)


@pytest.fixture(scope="module")
def reference():
    return load_run(REFERENCE)


def list_processes(loaded):
    """Return (first epoch, steady epochs) of every good trial of a row, by case and in order."""
    processes = defaultdict(list)
    for record in sorted(loaded.records, key=lambda record: record.round):
        if isinstance(record, TrialRecord) and record.status == "ok" and record.round:
            times = record.first_epoch_seconds, record.epoch_seconds
            processes[record.case.slug].append(times)
    return processes


# ----- the command


@pytest.mark.parametrize(
    ("style", "export"),
    [("pytest-benchmark", export_pytest_benchmark), ("pyperf", export_pyperf)],
)
def test_stdout_is_the_document_and_stderr_its_remarks(mixed, called, style, export):
    status, out, err = called("export", mixed.folder, f"--format={style}")
    assert status == 0
    assert json.loads(out) == json.loads(json.dumps(export(mixed)))
    assert err.splitlines() == list_omissions(mixed)


# ----- the cases


def test_remarks_name_what_is_left_out(mixed):
    assert set(list_omissions(mixed)) == {
        f"not ranked: {PART.slug}: timeout: 600 s are over",
        f"not ranked: {WRONG.slug}: failed: parity error",
        f"left out: {FAILED.slug}: out-of-memory: killed",
        f"left out: {ABSENT.slug}: unavailable: numba is not installed",
        f"left out: {NEVER.slug}: not measured",
    }


def test_run_without_times_of_two_machines_or_damaged_is_refused(refused, load):
    folder = load(bare(case())).folder
    assert "nothing to export" in refused("export", folder, "--format=pyperf")
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    store.append_record(folder, ok(case("jax"), environment="there"))
    assert "2 machines" in refused("export", folder, "--format=pyperf")
    folder = load(*trials(case(), 0.5, 0.7)).folder
    path = folder / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.6", 1))
    assert f"{folder.name}/trials.jsonl:2" in refused("export", folder, "--format=pyperf")


# ----- pyperf


def test_pyperf_loads_processes_with_warmups_and_values(reference):
    suite = pyperf.BenchmarkSuite.loads(json.dumps(export_pyperf(reference)))
    assert {
        of.get_name(): [(process.warmups, process.values) for process in of.get_runs()]
        for of in suite
    } == {
        name: [(((1, first),), tuple(epochs)) for first, epochs in processes]
        for name, processes in list_processes(reference).items()
    }
    assert {(of.get_unit(), of.get_total_loops()) for of in suite} == {("second", 1)}


def test_pyperf_metadata_are_of_the_records(mixed):
    suite = pyperf.BenchmarkSuite.loads(json.dumps(export_pyperf(mixed)))
    by_name = {of.get_name(): of for of in suite}
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
        "softmax_bench_ranked": "no",
        "softmax_bench_faults": "timeout: 600 s are over",
        "softmax_bench_validation_accuracy": 0.8396,
        "softmax_bench_parity_error": 1.5e-6,
    }
    assert expected.items() <= by_name[PART.slug].get_metadata().items()
    assert by_name[GOOD.slug].get_metadata()["softmax_bench_ranked"] == "yes"
    assert by_name[GOOD.slug].get_runs()[0].get_metadata()["mem_max_rss"] == 512 * 2**20
    assert by_name[GOOD.slug].get_total_duration() == pytest.approx(36.0)


def test_pyperf_loads_a_record_with_few_facts(load):
    record = ok(case(), first_epoch_seconds=None, wall_seconds=None, peak_rss_bytes=None)
    document = export_pyperf(load(record, machine={}, software={}))
    (benchmark,) = pyperf.BenchmarkSuite.loads(json.dumps(document))
    assert benchmark.get_runs()[0].warmups == ()
    assert "cpu_model_name" not in benchmark.get_metadata()


# ----- pytest-benchmark


def test_pytest_benchmark_compares_medians_of_processes(reference, tmp_path):
    names, document = ("first.json", "second.json"), json.dumps(export_pytest_benchmark(reference))
    for name in names:
        (tmp_path / name).write_text(document)
    options = ("--csv=table", "--columns=mean,stddev,median,rounds,iterations")
    tool = [sys.executable, "-m", "pytest_benchmark", "compare", *names, *options]
    subprocess.run(tool, cwd=tmp_path, capture_output=True, check=True)
    with (tmp_path / "table.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    processes = list_processes(reference)
    assert len(rows) == 2 * len(processes)
    for row in rows:
        medians = [median(epochs) for _, epochs in processes[row["name"].partition(" ")[0]]]
        assert float(row["mean"]) == pytest.approx(fmean(medians), rel=1e-12)
        assert float(row["median"]) == pytest.approx(median(medians), rel=1e-12)
        assert float(row["stddev"]) == pytest.approx(stdev(medians) if medians[1:] else 0, rel=1e-9)
        assert (row["rounds"], row["iterations"]) == (str(len(medians)), "1")


@pytest.mark.parametrize(
    "data",
    [
        [0.5],
        [0.5, 0.25],
        [1.0, 2.0, 4.0, 8.0],
        [5.0, 1.0, 1.5, 2.0, 9.0],
        [0.1, 5.0, 5.1, 5.2, 5.3, 5.4, 11.0],
    ],
)
def test_statistics_are_those_of_pytest_benchmark(data):
    stats = Stats()
    for value in data:
        stats.update(value)
    statistics = compute_statistics(data)
    assert (statistics.pop("data"), statistics.pop("iterations")) == (data, 1)
    expected = stats.as_dict()
    assert statistics.pop("outliers") == expected.pop("outliers")
    assert statistics == pytest.approx(expected, rel=1e-12)


def test_document_has_machine_commit_and_unranked_cases(mixed):
    document = export_pytest_benchmark(mixed)
    by_name = {of["fullname"]: of for of in document["benchmarks"]}
    assert by_name.keys() == {of.slug for of in (GOOD, PART, WRONG, ONCE)}
    info = by_name[WRONG.slug]["extra_info"]
    assert (info["ranked"], info["faults"]) == (False, ["failed: parity error"])
    assert by_name[PART.slug]["stats"]["rounds"] == 2
    machine = document["machine_info"]
    assert machine["cpu"] == {"brand_raw": "Test CPU", "count": 4}
    assert (machine["system"], machine["release"]) == ("Linux", "6.1")
    assert machine["python_version"] == "3.11.9"
    assert machine["softmax_bench_machine"] == MACHINE["id"]
    commit = document["commit_info"]
    assert (commit["id"], commit["dirty"]) == (COMMIT, False)
    assert document["datetime"] == "2025-01-02T03:04:05+00:00"
