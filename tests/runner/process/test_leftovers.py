"""The processes that a worker left are named and killed, and no others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.runner.process import spec
from bench.runner.process.scratch import CACHES, kill_leftovers


@pytest.fixture
def started():
    """Start processes that are ended with the test, whatever happens."""
    processes = []

    def start(command, **options):
        processes.append(subprocess.Popen(command, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def leader(started):
    """Start a session whose leader ends at once; it stays a zombie until it is waited for."""

    def start(code="pass", **options):
        process = started([sys.executable, "-c", code], start_new_session=True, **options)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return process.pid

    return start


def test_leftover_of_the_session_is_killed_and_named(leader, tmp_path):
    number = leader("import subprocess; subprocess.Popen(['sleep', '60'])")
    assert kill_leftovers(number, tmp_path) == ["sleep"]
    assert kill_leftovers(number, tmp_path) == []


def test_leftover_that_ends_soon_is_no_fault(leader, tmp_path):
    code = "import subprocess; subprocess.Popen(['sleep', '0.2'])"
    assert kill_leftovers(leader(code), tmp_path, grace=60) == []


def test_other_processes_are_spared(started, leader, tmp_path):
    variables = {
        "PWD": str(tmp_path),
        "OLDPWD": f"{tmp_path}/cache",
        "NOTE": f"TMPDIR={tmp_path}/",
        "TMPDIR": f"{tmp_path}-other/tmp",
        "PYTHONPATH": f"/a:{tmp_path}/",
    }
    visitor = started(["sleep", "60"], start_new_session=True, env={**os.environ, **variables})
    assert kill_leftovers(leader(), tmp_path) == []
    assert visitor.poll() is None


def test_daemon_is_known_by_any_folder_variable(started, tmp_path):
    variables = spec.build_variables(spec.ChildSpec(), tmp_path)
    daemons = [
        started(["sleep", "60"], start_new_session=True, env={name: variables[name]})
        for name in ("PYTHONPATH", *CACHES)
    ]
    for daemon in daemons:
        while not Path(f"/proc/{daemon.pid}/environ").read_bytes():
            pass  # it is about to have them
    assert kill_leftovers(None, tmp_path, grace=0.0) == ["sleep"] * len(daemons)
    assert {daemon.wait() for daemon in daemons} == {-signal.SIGKILL}
