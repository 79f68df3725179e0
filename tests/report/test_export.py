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
from support.records import bare, case, environment, ok, run, trials, write

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
REFERENCE = ROOT / "results" / "reference" / "amd-epyc-zen5-2-cores"
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


def write_mixed(folder):
    """Write a run with every outcome of a trial, and load it."""
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
    plan = run(*CASES, rounds={"sgd": 3})
    changes = {"machine": MACHINE, "software": SOFTWARE, "suite": SUITE}
    return load_run(write(folder, plan, *records, **changes))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return write_mixed(tmp_path_factory.mktemp("mixed") / "run")


@pytest.fixture(scope="module")
def reference():
    return load_run(REFERENCE)


def list_processes(loaded):
    """Return (first epoch, steady epochs) of every good trial of a row, by case and in order."""
    names = {row.case.slug: row.case.slug for row in loaded.rows}
    processes = defaultdict(list)
    for record in sorted(loaded.records, key=lambda record: record.round):
        if isinstance(record, TrialRecord) and record.status == "ok" and record.round:
            times = record.first_epoch_seconds, record.epoch_seconds
            processes[names[record.case.slug]].append(times)
    return processes


def run_module(folder, *arguments):
    """Run another tool in a fresh process, and return what it printed."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout + process.stderr


# ----- the command


@pytest.mark.parametrize(
    ("style", "export"),
    [("pytest-benchmark", export_pytest_benchmark), ("pyperf", export_pyperf)],
)
def test_stdout_is_the_document_and_stderr_its_remarks(tmp_path, command, style, export):
    loaded = write_mixed(tmp_path / "run")
    process = command(tmp_path, "export", "run", f"--format={style}")
    assert process.returncode == 0
    assert json.loads(process.stdout) == json.loads(json.dumps(export(loaded)))
    assert process.stderr.splitlines() == list_omissions(loaded)


def test_run_without_a_good_trial_is_refused(refused, tmp_path):
    write(tmp_path / "run", run(case()), bare(case()))
    assert "nothing to export" in refused("export", "run", "--format=pyperf")


# ----- the cases


def test_remarks_name_what_is_left_out(mixed):
    assert set(list_omissions(mixed)) == {
        f"{PART.slug}: 1 of 3 trials failed: timeout: 600 s are over",
        f"not ranked: {WRONG.slug}: failed: parity error",
        f"left out: {FAILED.slug}: out-of-memory: killed",
        f"left out: {ABSENT.slug}: unavailable: numba is not installed",
        f"left out: {NEVER.slug}: not measured",
    }


def test_run_of_two_machines_is_refused(refused, tmp_path):
    folder = write(tmp_path / "run", run(case()), ok(case()))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    store.append_record(folder, ok(case("jax"), environment="there"))
    assert "2 machines" in refused("export", "run", "--format=pyperf")


def test_damaged_run_is_refused(refused, tmp_path):
    path = write(tmp_path / "run", run(case()), *trials(case(), 0.5, 0.7)) / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.6", 1))
    assert "run/trials.jsonl:2" in refused("export", "run", "--format=pyperf")


# ----- pyperf


def test_pyperf_loads_processes_with_warmups_and_values(reference):
    suite = pyperf.BenchmarkSuite.loads(json.dumps(export_pyperf(reference)))
    assert {
        one.get_name(): [(process.warmups, process.values) for process in one.get_runs()]
        for one in suite
    } == {
        name: [(((1, first),), tuple(epochs)) for first, epochs in processes]
        for name, processes in list_processes(reference).items()
    }
    assert {(one.get_unit(), one.get_total_loops()) for one in suite} == {("second", 1)}


def test_pyperf_metadata_are_of_the_records(mixed):
    suite = pyperf.BenchmarkSuite.loads(json.dumps(export_pyperf(mixed)))
    by_name = {one.get_name(): one for one in suite}
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
    assert expected.items() <= by_name[PART.slug].get_metadata().items()
    assert by_name[WRONG.slug].get_metadata()["softmax_bench_ranked"] == "no"
    assert by_name[GOOD.slug].get_runs()[0].get_metadata()["mem_max_rss"] == 512 * 2**20
    assert by_name[GOOD.slug].get_total_duration() == pytest.approx(36.0)


def test_pyperf_loads_a_record_with_few_facts(tmp_path):
    record = ok(case(), first_epoch_seconds=None, wall_seconds=None, peak_rss_bytes=None)
    folder = write(tmp_path / "run", run(case()), record, machine={}, software={})
    (one,) = pyperf.BenchmarkSuite.loads(json.dumps(export_pyperf(load_run(folder))))
    assert one.get_runs()[0].warmups == ()
    assert "cpu_model_name" not in one.get_metadata()


# ----- pytest-benchmark


def test_pytest_benchmark_compares_medians_of_processes(reference, tmp_path):
    for name in ("first.json", "second.json"):
        (tmp_path / name).write_text(json.dumps(export_pytest_benchmark(reference)))
    options = ("--csv=table", "--columns=mean,stddev,median,rounds,iterations")
    run_module(tmp_path, "pytest_benchmark", "compare", "first.json", "second.json", *options)
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
    by_name = {one["fullname"]: one for one in document["benchmarks"]}
    assert by_name.keys() == {of.slug for of in (GOOD, PART, WRONG, ONCE)}
    info = by_name[WRONG.slug]["extra_info"]
    assert (info["ranked"], info["faults"]) == (False, ["failed: parity error"])
    assert by_name[PART.slug]["stats"]["rounds"] == 2
    machine = document["machine_info"]
    assert machine["cpu"] == {"brand_raw": "Test CPU", "count": 4}
    assert (machine["system"], machine["release"]) == ("Linux", "6.1")
    assert (machine["python_version"], machine["softmax_bench_machine"]) == (
        "3.11.9",
        MACHINE["id"],
    )
    assert (document["commit_info"]["id"], document["commit_info"]["dirty"]) == (COMMIT, False)
    assert document["datetime"] == "2025-01-02T03:04:05+00:00"
