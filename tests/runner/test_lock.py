"""One process at a time measures on a host; others wait."""

import errno
import os
import select
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner import lock
from bench.runner.process.spec import ChildSpec

OF_THE_SESSION = os.environ["SOFTMAX_BENCH_LOCK"]
HOLDS = """
import sys
from bench.runner import lock
with lock.hold_host_lock(lambda _: print("waiting", flush=True)):
    print("held", flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    return tmp_path / "lock"


@pytest.fixture
def holder():
    """Start processes that hold the lock until they are told to end."""
    started = []

    def start(says):
        command = [sys.executable, "-c", HOLDS]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == f"{says}\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_holder_has_a_ptx_cache_for_its_workers():
    with lock.hold_host_lock():
        folder = ChildSpec().ptx_cache
        assert list(folder.iterdir()) == []
    assert not folder.exists()
    assert ChildSpec().ptx_cache is None


def test_tests_do_not_take_the_hosts_lock():
    assert Path(OF_THE_SESSION).is_absolute()
    assert Path(OF_THE_SESSION) != Path(lock.DEFAULT_PATH)


@pytest.mark.parametrize("variable", [{}, {"SOFTMAX_BENCH_LOCK": ""}])
def test_lock_path_is_independent_of_tmpdir(tmp_path, monkeypatch, variable):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("SOFTMAX_BENCH_LOCK")
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert lock.find_lock_path() == Path("/tmp/softmax-bench.runner.lock")


@pytest.mark.parametrize("named", ["lock", "~/lock", "./lock"])
def test_relative_lock_path_is_refused(monkeypatch, named):
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", named)
    with pytest.raises(UserError, match="SOFTMAX_BENCH_LOCK"):
        lock.find_lock_path()


@pytest.mark.parametrize("place", ["file/lock", "x" * 300, ".", "/proc/x.lock"])
def test_lock_that_cannot_be_opened_is_a_user_error(tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / place))
    with pytest.raises(UserError, match="Set SOFTMAX_BENCH_LOCK"), lock.hold_host_lock():
        pytest.fail("it was opened")


def test_file_system_without_locks_is_a_user_error(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UserError, match="Set SOFTMAX_BENCH_LOCK"), lock.hold_host_lock():
        pytest.fail("it was locked")


def test_free_lock_is_taken_at_once_and_touched(own_lock):
    own_lock.touch()
    for _ in range(2):
        os.utime(own_lock, (0, 0))
        with lock.hold_host_lock(pytest.fail):
            assert own_lock.stat().st_mtime > 0


def test_every_user_can_open_the_lock(own_lock):
    before = os.umask(0o077)
    try:
        with lock.hold_host_lock():
            assert stat.S_IMODE(own_lock.stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_one_waiting_process_gets_the_free_lock(holder):
    first = holder("held")
    others = [holder("waiting"), holder("waiting")]
    pipes = [process.stdout for process in others]
    assert select.select(pipes, [], [], 0.3)[0] == []
    first.communicate("x")
    (second,), *_ = select.select(pipes, [], [], 600)
    assert second.readline() == "held\n"
    pipes.remove(second)
    assert select.select(pipes, [], [], 0.6)[0] == []


def test_wait_names_the_holder_until_the_lock_is_free(holder, monkeypatch):
    first, lines = holder("held"), []
    monkeypatch.setattr(lock, "ANNOUNCE_SECONDS", 0.0)

    def announce(line):
        lines.append(line)
        if len(lines) == 3:
            first.communicate("x")

    with lock.hold_host_lock(announce):
        assert len(lines) >= 3
    assert f"(process {first.pid}, {Path(sys.executable).name} -c" in lines[0]
    assert "0 min until now" in lines[2]


def test_lock_is_free_after_an_error():
    with pytest.raises(RuntimeError), lock.hold_host_lock():
        raise RuntimeError
    with lock.hold_host_lock(pytest.fail):
        pass
