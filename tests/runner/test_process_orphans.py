"""What a child leaves running is found, named and ended; nobody else is touched."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.runner.process import orphans, spec


@pytest.fixture
def started():
    """Start processes that are ended with the test, whatever it says."""
    processes = []

    def start(command, **options):
        processes.append(subprocess.Popen(command, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def leader(started, code, **options):
    """Start a session whose leader ends at once; it stays a zombie until it is waited for."""
    process = started([sys.executable, "-c", code], start_new_session=True, **options)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process.pid


def test_a_child_that_ended_with_all_it_started_left_nothing(started, tmp_path):
    bystander = started(["sleep", "60"])
    assert orphans.ended(leader(started, "pass"), tmp_path) == []
    assert bystander.poll() is None


def test_what_is_left_of_the_session_is_named_and_ended(started, tmp_path):
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    with (tmp_path / "out").open("w") as out:
        number = leader(started, code, stdout=out)
    assert orphans.ended(number, tmp_path) == ["sleep"]
    assert orphans.ended(number, tmp_path) == []


def test_what_left_the_session_is_known_by_its_variables(started, tmp_path):
    daemon = started(["sleep", "60"], start_new_session=True,
                     env={**os.environ, "TMPDIR": str(tmp_path / "cache" / "tmp")})  # fmt: skip
    assert orphans.ended(leader(started, "pass"), tmp_path) == ["sleep"]
    assert daemon.wait() == -signal.SIGKILL


def test_what_is_about_to_end_has_a_moment_to_do_so(started, tmp_path):
    code = "import subprocess; subprocess.Popen(['sleep', '0.2'])"
    assert orphans.ended(leader(started, code), tmp_path) == []


def test_whoever_was_only_there_once_is_left_alone(started, tmp_path):
    variables = {"PWD": str(tmp_path), "OLDPWD": f"{tmp_path}/cache", "NOTE": f"TMPDIR={tmp_path}/",
                 "TMPDIR": f"{tmp_path}-other/tmp", "PYTHONPATH": f"/a:{tmp_path}/"}  # fmt: skip
    bystander = started(["sleep", "60"], start_new_session=True, env={**os.environ, **variables})
    assert orphans.ended(leader(started, "pass"), tmp_path) == []
    assert bystander.poll() is None


@pytest.mark.parametrize("name", ["PYTHONPATH", *spec.CACHES])
def test_each_folder_that_a_child_was_given_tells_its_processes(started, tmp_path, name):
    given = spec.build_variables(spec.ChildSpec(), tmp_path)[name]
    daemon = started(["sleep", "60"], start_new_session=True, env={name: given})
    while not Path(f"/proc/{daemon.pid}/environ").read_bytes():
        pass  # it is about to have them
    assert orphans.ended(None, tmp_path, grace=0.0) == ["sleep"]
    assert daemon.wait() == -signal.SIGKILL
