"""What the parent sees of the threads of a worker's session."""

import os
import subprocess
import sys

import pytest

from bench.runner.process.placement import find_placement_fault

SLEEP = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def leader():
    """The leader of a session that has a child."""
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


def test_session_that_has_ended_is_no_fault():
    assert find_placement_fault(2**22 + 1, {0}) is None
