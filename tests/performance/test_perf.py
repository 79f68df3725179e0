"""How long the parts take whose cost matters: run by nox -s perf, skipped by the tests."""

import itertools
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support import large_runs

from bench.contract import SGD, Problem
from bench.data import dataset
from bench.records import store
from bench.report.load import load_run
from bench.report.write import write_report
from bench.runner import plan
from bench.runner.parity import oracle
from bench.runner.plan import Size
from bench.runner.process import launch, spec
from bench.runner.process.spec import ChildSpec
from bench.worker import data, machine
from bench.worker.workloads import WORKLOADS, draw_initial_params, draw_order
from implementations import IMPLEMENTATIONS

PUBLISHED = machine.ROOT / "results" / "reference" / "amd-epyc-2-cores"
EPOCHS = 30


class Replay:
    """A clock that stands where the child's stood, so that pytest-benchmark stores its epochs.

    Frameworks do not share a process, and a process that is not ours is timed by the one clock.
    """

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def pass_by(self, seconds):
        self.seconds += seconds


REPLAY = Replay()


@pytest.fixture(scope="module")
def digits():
    return dataset.find("digits")


@pytest.mark.benchmark(group="an epoch of digits", timer=REPLAY)
@pytest.mark.parametrize("name", [entry.name for entry in IMPLEMENTATIONS])
def test_an_epoch(benchmark, digits, tmp_path, name):
    size = Size(WORKLOADS["sgd"].batch_size, 1, len(data.read(digits.folder, "train")[1]))
    case = plan.complete_case(plan.find_implementation(name, None), "sgd", "cpu", size, EPOCHS)
    child = ChildSpec(threads=1, variables=case.variables)
    outcome = launch.launch(spec.request_training("trial", case, digits, 42), child, tmp_path)
    if outcome.status == "unavailable":
        pytest.skip(outcome.reason)
    assert outcome.status == "ok", outcome.reason
    measured = outcome.document["epoch_seconds"]
    epochs = iter(measured)
    benchmark.pedantic(lambda: REPLAY.pass_by(next(epochs)), rounds=len(measured))
    assert benchmark.stats.stats.data == pytest.approx(measured)
    assert len(measured) >= EPOCHS


def test_reading_the_prepared_data(benchmark):
    found = dataset.find()
    images, _ = benchmark(data.read, found.folder, "train")
    assert images.shape == (48000, 784)


def test_finding_prepared_data(benchmark):
    dataset.find()
    assert benchmark(dataset.find).name == "fashion-mnist"


def test_an_epoch_of_the_oracle(benchmark, digits):
    images, labels = data.read(digits.folder, "train")
    problem = Problem(images, labels, 10, 32, SGD(0.05))
    initial = draw_initial_params(WORKLOADS["sgd"], 64, 10, seed=42)
    (found,) = benchmark(oracle.train, problem, initial, [draw_order(42, 1, 1440)])
    assert np.isfinite(found.weight).all()


def test_drawing_an_order(benchmark):
    epochs = itertools.count(1)
    assert len(benchmark(lambda: draw_order(42, next(epochs), 48000))) == 48000


def test_appending_a_record(benchmark, tmp_path):
    record = store.read_records(PUBLISHED)[0]
    benchmark.pedantic(store.append_record, (tmp_path, record), rounds=50)
    assert len((tmp_path / "trials.jsonl").read_bytes().splitlines()) == 50


def test_reading_the_records_of_a_published_run(benchmark):
    assert len(benchmark.pedantic(store.read_records, (PUBLISHED,), rounds=10)) > 100


def test_building_the_report_of_a_published_run(benchmark, tmp_path):
    folder = shutil.copytree(PUBLISHED, tmp_path / "run")
    (folder / "report.md").unlink()
    report = benchmark.pedantic(lambda: write_report([load_run(folder)]), rounds=3)
    assert "Epoch" in report.read_text()


def peak_of_a_report(folder):
    """Write the report of a run as a user does, in a process of its own; return its peak memory."""
    command = [sys.executable, "-m", "bench", "report", str(folder)]
    with subprocess.Popen(command, cwd=machine.ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024


def test_bench_report_of_a_published_run(benchmark, tmp_path):
    folder = shutil.copytree(PUBLISHED, tmp_path / "run")
    peak = benchmark.pedantic(peak_of_a_report, (folder,), rounds=3)
    benchmark.extra_info["peak_mib"] = peak / 2**20


def test_bench_report_of_5_000_trials(benchmark, tmp_path):
    assert large_runs.write(tmp_path / "run", rounds=10) == 5_000
    peak = benchmark.pedantic(peak_of_a_report, (tmp_path / "run",), rounds=1)
    benchmark.extra_info["peak_mib"] = peak / 2**20
    assert peak < 2**29
