"""What the parent sees of the threads of a worker's session."""

import os
import subprocess
import sys

import pytest

from bench.runner.process.placement import find_placement_fault, read_session_cpu_seconds
from bench.worker.measure import read_cpu_seconds

SLEEP = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def leader():
    code = f"import subprocess, sys; subprocess.run({SLEEP!r}); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        yield process.pid


def test_threads_on_their_cores_are_no_fault(leader):
    assert find_placement_fault(leader, os.sched_getaffinity(0)) is None


def test_threads_on_other_cores_are_a_fault(leader):
    assert "left the cores" in find_placement_fault(leader, {10_000})


def test_lower_priority_is_no_fault_and_a_higher_one_is(leader, monkeypatch):
    os.setpriority(os.PRIO_PROCESS, leader, 5)
    assert find_placement_fault(leader, os.sched_getaffinity(0)) is None
    real = os.getpriority
    monkeypatch.setattr(os, "getpriority", lambda kind, pid: real(kind, pid) if pid else 10)
    assert "priority" in find_placement_fault(leader, os.sched_getaffinity(0))


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such clock")
def test_cpu_seconds_of_a_session_are_those_of_its_helpers_too():
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    living = f"{burn}\nprint(flush=True)\ninput()"
    code = f"""
import subprocess, sys
start = [sys.executable, "-c"]
subprocess.run([*start, {burn!r}])
with subprocess.Popen([*start, {living!r}], stdin=subprocess.PIPE):
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        process.stdout.readline()  # the helper that lives has burned its time
        alone, session = read_cpu_seconds(process.pid), read_session_cpu_seconds(process.pid)
        process.kill()
    assert alone + 0.37 < session


def test_session_that_has_ended_has_no_cpu_seconds():
    assert read_session_cpu_seconds(2**22 + 1) == 0


def test_session_that_has_ended_is_no_fault():
    assert find_placement_fault(2**22 + 1, {0}) is None
