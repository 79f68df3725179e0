"""One measurement at a time: who comes second is told, and waits."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench import lock

HOLDS = """
import sys
from bench import lock
with lock.opened() as host:
    if not host.take():
        print("waiting", flush=True)
        host.wait()
    print("held", flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path
    tempfile.tempdir = None


@pytest.fixture
def holder(folder):
    """Start processes that hold the lock until they are told to end."""
    started = []

    def start():
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", HOLDS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_lock_lies_in_the_folder_for_temporary_files(folder):
    assert lock.path() == folder / "softmax-bench.lock"


def test_a_free_lock_is_had_at_once(folder):
    for _ in range(2):
        with lock.opened() as host:
            assert host.take()


def test_the_second_is_told_once_and_has_the_lock_when_the_first_ends(holder):
    first = holder()
    assert first.stdout.readline() == "held\n"
    second = holder()
    assert second.stdout.readline() == "waiting\n"
    first.communicate("x")
    assert second.stdout.readline() == "held\n"


def test_a_lock_is_free_when_its_holder_was_killed(holder):
    first = holder()
    assert first.stdout.readline() == "held\n"
    first.kill()
    first.wait()
    with lock.opened() as host:
        assert host.take()


def fail_with_the_lock():
    with lock.opened() as host:
        assert host.take()
        raise RuntimeError


def test_a_lock_is_free_after_an_error(folder):
    with pytest.raises(RuntimeError):
        fail_with_the_lock()
    with lock.opened() as host:
        assert host.take()


def test_every_user_can_read_the_lock_whatever_the_umask(folder):
    before = os.umask(0o077)
    try:
        with lock.opened() as host:
            assert host.take()
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(lock.path()).stat().st_mode) == 0o644
