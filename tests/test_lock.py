"""One measurement at a time: who comes second is told, and waits."""

import errno
import os
import select
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench import lock
from bench.error import UserError

OF_THE_SESSION = os.environ["SOFTMAX_BENCH_LOCK"]
HOLDS = """
import sys
from bench import lock
from bench.error import UserError
with lock.opened() as host:
    if not host.take():
        print("waiting", flush=True)
        host.wait()
    print("held", flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    """A lock of the test's own, not there yet."""
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / "lock"))
    return tmp_path / "lock"


@pytest.fixture
def holder():
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


def test_no_test_takes_the_lock_of_the_host():
    assert Path(OF_THE_SESSION).is_absolute()
    assert Path(OF_THE_SESSION) != Path(lock.PLACE)


@pytest.mark.parametrize("variable", [{}, {"SOFTMAX_BENCH_LOCK": ""}])
def test_the_lock_lies_in_one_place_whatever_tmpdir_is(tmp_path, monkeypatch, variable):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("SOFTMAX_BENCH_LOCK")
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert lock.path() == Path("/tmp/softmax-bench.lock")


def test_another_lock_can_be_named(own_lock, tmp_path):
    with lock.opened() as host:
        assert host.take()
    assert list(tmp_path.iterdir()) == [own_lock]


@pytest.mark.parametrize("named", ["lock", "~/lock", "./lock"])
def test_a_lock_that_depends_on_the_folder_is_refused(monkeypatch, named):
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", named)
    with pytest.raises(UserError, match=r"SOFTMAX_BENCH_LOCK is .*lock; give a whole path"):
        lock.path()


@pytest.mark.parametrize(
    ("place", "reason"),
    [("nowhere/lock", "No such file"), ("file/lock", "Not a directory"), ("x" * 300, "too long")],
)
def test_a_lock_that_cannot_be_opened_is_one_line_that_says_what_to_do(
    tmp_path, monkeypatch, place, reason
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SOFTMAX_BENCH_LOCK", str(tmp_path / place))
    says = f"^cannot open the host's lock {tmp_path / place}: .*{reason}.*; set SOFTMAX_BENCH_LOCK"
    with pytest.raises(UserError, match=says), lock.opened():
        pytest.fail("it was opened")


def test_a_lock_in_use_is_not_old(own_lock):
    own_lock.touch()
    os.utime(own_lock, (0, 0))
    with lock.opened():
        assert own_lock.stat().st_mtime > 0


def test_a_free_lock_is_had_at_once():
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


def test_a_lock_is_free_after_an_error():
    with pytest.raises(RuntimeError):
        fail_with_the_lock()
    with lock.opened() as host:
        assert host.take()


def test_every_user_can_read_the_lock_whatever_the_umask(own_lock):
    before = os.umask(0o077)
    try:
        with lock.opened() as host:
            assert host.take()
    finally:
        os.umask(before)
    assert stat.S_IMODE(own_lock.stat().st_mode) == 0o644


def test_of_those_who_wait_one_has_the_lock_and_not_before_it_is_free(holder):
    first = holder()
    assert first.stdout.readline() == "held\n"
    others = [holder(), holder()]
    assert [each.stdout.readline() for each in others] == ["waiting\n"] * 2
    pipes = [each.stdout for each in others]
    assert select.select(pipes, [], [], 0.3)[0] == []
    first.communicate("x")
    (second,), *_ = select.select(pipes, [], [], 30)
    assert second.readline() == "held\n"
    pipes.remove(second)
    assert select.select(pipes, [], [], 0.3)[0] == []


def test_another_users_lock_is_opened_as_linux_allows_it(own_lock, monkeypatch):
    own_lock.touch()
    real = os.open

    def strict(path, flags, *mode):
        if flags != os.O_RDONLY:  # fs.protected_regular refuses O_CREAT, the mode 644 refuses more
            raise PermissionError
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", strict)
    with lock.opened() as host:
        assert host.take()


def test_two_may_be_the_first_at_once(own_lock, monkeypatch):
    own_lock.touch()
    real, tried = os.open, []

    def late(path, flags, *mode):
        tried.append(flags)
        if len(tried) == 1:  # somebody else creates it between the two calls
            raise FileNotFoundError
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", late)
    with lock.opened() as host:
        assert host.take()
    assert len(tried) == 2


def test_where_there_are_no_locks_that_is_an_error_and_not_a_lock_of_somebody_elses(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with lock.opened() as host, pytest.raises(OSError, match="No locks available"):
        host.take()


def test_a_runs_folder_has_one_process_at_a_time_whatever_lock_the_host_has(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    says = pytest.raises(UserError, match=f"another process is measuring into {tmp_path}; wait")
    with lock.of_folder(tmp_path), says, lock.of_folder(tmp_path):
        pytest.fail("there were two")
    with lock.of_folder(tmp_path):
        assert (tmp_path / "run.json").read_text() == "{}"


def test_what_goes_wrong_within_a_folder_is_not_taken_for_another_process(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BlockingIOError), lock.of_folder(tmp_path):
        raise BlockingIOError


def test_a_folder_that_cannot_be_locked_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "run.json").write_text("{}")

    def refuses(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuses)
    with pytest.raises(UserError, match="No locks available"), lock.of_folder(tmp_path):
        pytest.fail("it was locked")
