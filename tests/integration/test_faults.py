"""Faults of workers, with real processes: each becomes a record, and nothing is left behind."""

import os
import tempfile
from collections import Counter
from pathlib import Path

import psutil
import pytest
from support.processes import assert_nothing_left
from support.records import run as make_plan
from support.workers import of_file

from bench.records import store
from bench.runner import loop
from bench.runner.events import TrialEnded

HEAD = """
import json, os, resource, shutil, signal, sys
from pathlib import Path
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
"""
TRAIN = "return super().train_epoch(order)"
FORK = "if os.fork() == 0:\n    os.setsid()\n    os.execlp('sleep', 'sleep', '600')\n"

# The code of an epoch; the status and a part of the reason that the record has.
FAULTS = {
    "floods_stdout": (
        f"for _ in range(256): os.write(1, bytes(2**20))\n{TRAIN}",
        "failed",
        "stdout",
    ),
    "floods_stderr": (
        "for _ in range(256): os.write(2, b'x' * 2**20)\nraise RuntimeError('and now this')",
        "failed",
        "RuntimeError: and now this",
    ),
    "takes_gigabytes": (
        (
            "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))\n"
            "[bytearray(2**28) for _ in range(64)]"
        ),
        "failed",
        "the process ran out of memory",
    ),
    "deletes_its_folder": (
        f"shutil.rmtree(Path.cwd(), ignore_errors=True)\n{TRAIN}",
        "failed",
        "exit status 1",
    ),
    "closes_all_descriptors": (f"os.closerange(3, 4096)\n{TRAIN}", "failed", "exit status 1"),
    "trains_well": (TRAIN, "ok", ""),
}
# Files in tests/assets/saboteurs, likewise.
SABOTEURS = {
    "honest": ("ok", ""),
    "raises": ("failed", "RuntimeError: the gradient is gone"),
    "momentum": ("failed", "other mathematics"),
}
HANGS = {
    "ignores_signals": (
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "while True: signal.pause()"
    ),
    "leaves_a_daemon_and_hangs": f"{FORK}while True: signal.pause()",
}


@pytest.fixture
def measured(tmp_path, command):
    """Measure the code of some epochs and some files in one run; return its records by name."""

    def measure(epochs, files=(), *, timeout):
        for name, code in epochs.items():
            body = "".join(f"        {line}\n" for line in code.splitlines())
            (tmp_path / f"{name}.py").write_text(HEAD + body)
        ended = command(
            tmp_path,
            *("run", "--data=digits", "--workload=sgd", "--rounds=1", "--threads=1"),
            *("--no-roofline", "--batch-size=288", "--epochs=2"),
            *(f"--timeout={timeout}", "--output=out"),
            *(f"--implementation={name}.py" for name in epochs),
            *(f"--implementation={file}" for file in files),
        )
        assert (ended.returncode, ended.stderr) == (3, "")
        records = store.read_records(tmp_path / "out")
        return {record.case.implementation: record for record in records}

    return measure


@pytest.mark.timeout(1800)
def test_every_fault_becomes_a_record_with_its_reason(measured, saboteur, surroundings):
    codes = {name: code for name, (code, *_) in FAULTS.items()}
    records = measured(codes, map(saboteur, SABOTEURS), timeout=300)
    expected = {name: fault[-2:] for name, fault in (FAULTS | SABOTEURS).items()}
    assert records.keys() == expected.keys()
    for name, (status, part) in expected.items():
        record = records[name]
        reason = record.reason or ""
        assert (record.status, "\n" in reason) == (status, False), (name, reason)
        assert part in reason, name
        assert record.status == "ok" or record.parity or not record.validation_accuracy, name
    assert records["raises"].stderr_tail.endswith("RuntimeError: the gradient   is gone ")
    assert len(records["floods_stderr"].stderr_tail) <= 2000
    assert records["honest"].stderr_tail is None
    assert records["honest"].parity.passed
    assert_nothing_left(Path(surroundings["TMPDIR"]))


def test_hanging_worker_is_a_timeout(measured, surroundings):
    records = measured(HANGS, timeout=2)
    assert {record.status for record in records.values()} == {"timeout"}
    assert_nothing_left(Path(surroundings["TMPDIR"]))


def list_children():
    """Return the state of each child of this process, zombies among them."""
    return [f"{child.name()} {child.status()}" for child in psutil.Process().children()]


def descriptors():
    """Return what this process has open, but for the folder that is listed here."""
    paths = Path("/proc/self/fd").iterdir()
    return sorted(str(path.readlink()) for path in paths if os.path.lexists(path))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("count", [6, pytest.param(2000, marks=pytest.mark.soak)])
def test_workers_leave_no_descriptor_zombie_file_or_memory(
    make_case, digits, tmp_path, monkeypatch, short_trials, count
):
    temporary, file = tmp_path / "tmp", tmp_path / "cheapest.py"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    file.write_text("from implementations.idiomatic.softmax_numpy import Trainer")
    case = of_file(make_case(batch_size=480, epochs=1), file)
    plan = make_plan(case, rounds={"sgd": count}, data_source="digits")
    store.create_run(tmp_path / "run", plan)
    before, orphans, memory = descriptors(), Counter(list_children()), []
    for event in loop.measure_run(tmp_path / "run", plan, digits):
        if isinstance(event, TrialEnded):
            assert event.record.status == "ok", event.record.reason
            memory.append(psutil.Process().memory_info().rss)
    assert len(memory) == count
    assert descriptors() == before
    assert not Counter(list_children()) - orphans  # those of other tests are reaped, too
    assert not list(temporary.iterdir())
    assert memory[-1] <= 1.5 * memory[count // 20]
