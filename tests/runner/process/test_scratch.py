"""The folder of a worker and the processes that it left, removed by us or by the next run."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner import lock
from bench.runner.process import scratch, spec
from bench.runner.process.scratch import kill_leftovers


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def dead(temporary):
    """What a run that was killed has left: a folder with files, and a process that works in it."""
    folder = temporary / f"{scratch.PREFIX}dead"
    (folder / "cache").mkdir(parents=True)
    (folder / "params.npy").write_bytes(b"half")
    folder.with_suffix(".lock").touch()
    left = subprocess.Popen(["sleep", "600"], env={"TMPDIR": str(folder / "cache")})
    yield folder, left
    left.kill()
    left.wait()


def test_folder_is_removed_after_the_block(temporary):
    with scratch.make_folder() as folder:
        (folder / "params.npy").write_bytes(b"whole")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_worker_may_have_removed_its_folder(temporary):
    with scratch.make_folder() as folder:
        folder.rmdir()
    assert list(temporary.iterdir()) == []


def test_taking_the_host_lock_sweeps_stale_folders(temporary, dead):
    folder, left = dead
    with lock.open_host_lock() as host:
        assert host.take()
    assert not folder.exists()
    assert left.wait(timeout=240) == -9


def test_waiting_for_the_host_lock_sweeps_stale_folders(temporary, dead):
    folder, left = dead
    with lock.open_host_lock() as host:
        host.wait()
    assert not folder.exists()
    assert left.wait(timeout=240) == -9


def test_failing_to_take_the_host_lock_sweeps_nothing(temporary, dead):
    folder, left = dead
    with lock.open_host_lock() as other:
        mark = folder.with_suffix(".lock")
        mark.rename(aside := temporary / "aside")
        assert other.take()
        aside.rename(mark)
        with lock.open_host_lock() as host:
            assert not host.take()
    assert (folder / "params.npy").exists()
    assert left.poll() is None


def test_folder_in_use_is_not_swept(temporary):
    with scratch.make_folder() as folder:
        scratch.remove_stale_folders()
        assert folder.exists()


def test_links_files_and_other_folders_are_not_swept(temporary):
    (temporary / "elsewhere").mkdir()
    (temporary / f"{scratch.PREFIX}link").symlink_to("elsewhere")
    (temporary / f"{scratch.PREFIX}file").touch()
    (temporary / f"{scratch.PREFIX}a.lock").symlink_to("elsewhere")
    (temporary / f"{scratch.PREFIX}b.lock").mkdir()
    (temporary / "softmax-bench-asked").mkdir()
    before = sorted(temporary.iterdir())
    scratch.remove_stale_folders()
    assert sorted(temporary.iterdir()) == before


def test_folder_of_another_user_is_not_swept(temporary, dead, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    scratch.remove_stale_folders()
    assert dead[0].exists()


def test_unwritable_temporary_folder_is_a_user_error(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(UserError, match=r"cannot write to /proc/nowhere: .*; .* set TMPDIR"):
        scratch.check_room()
    with pytest.raises(UserError, match="set TMPDIR"), scratch.make_folder():
        pytest.fail("there was no folder")


def test_error_within_the_block_passes_through():
    with pytest.raises(FileNotFoundError), scratch.make_folder() as folder:
        Path(folder / "absent").read_bytes()


def test_enough_room_is_no_error(temporary):
    scratch.check_room()
    assert list(temporary.iterdir()) == []


def nested(folder, depth):
    """Nest so many folders in one, with a file in the last, whose path no call would take."""
    held = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a-folder", dir_fd=held)
        inner = os.open("a-folder", os.O_RDONLY, dir_fd=held)
        os.close(held)
        held = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=held))
    os.close(held)


@pytest.mark.parametrize("files", [1024, 8192])
def test_deeply_nested_folders_are_removed(temporary, files):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, before[1]), before[1]))
    try:
        with scratch.make_folder() as folder:
            nested(folder, 1500)
        assert list(temporary.iterdir()) == []
        (left := temporary / f"{scratch.PREFIX}dead").mkdir()
        left.with_suffix(".lock").touch()
        nested(left, 1500)
        scratch.remove_stale_folders()
        assert list(temporary.iterdir()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        subprocess.run(["rm", "-rf", *temporary.iterdir()], check=True)


def test_folder_that_cannot_be_removed_raises_nothing(temporary, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)
    with scratch.make_folder() as folder:
        pass
    assert folder.exists()


def test_folder_without_permissions_is_removed(temporary, monkeypatch):
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)  # nothing stops root's
    with scratch.make_folder() as folder:
        (folder / "shut").mkdir(mode=0)
    assert list(temporary.iterdir()) == []


# ----- processes that a worker left


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


def test_worker_without_leftovers_has_none(started, tmp_path):
    bystander = started(["sleep", "60"])
    assert kill_leftovers(leader(started, "pass"), tmp_path) == []
    assert bystander.poll() is None


def test_leftover_of_the_session_is_killed_and_named(started, tmp_path):
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    with (tmp_path / "out").open("w") as out:
        number = leader(started, code, stdout=out)
    assert kill_leftovers(number, tmp_path) == ["sleep"]
    assert kill_leftovers(number, tmp_path) == []


def test_daemon_is_known_by_its_variables(started, tmp_path):
    daemon = started(
        ["sleep", "60"],
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "cache" / "tmp")},
    )
    assert kill_leftovers(leader(started, "pass"), tmp_path) == ["sleep"]
    assert daemon.wait() == -signal.SIGKILL


def test_leftover_that_ends_soon_is_no_fault(started, tmp_path):
    code = "import subprocess; subprocess.Popen(['sleep', '0.2'])"
    assert kill_leftovers(leader(started, code), tmp_path) == []


def test_process_that_only_visited_the_folder_is_spared(started, tmp_path):
    variables = {
        "PWD": str(tmp_path),
        "OLDPWD": f"{tmp_path}/cache",
        "NOTE": f"TMPDIR={tmp_path}/",
        "TMPDIR": f"{tmp_path}-other/tmp",
        "PYTHONPATH": f"/a:{tmp_path}/",
    }
    bystander = started(["sleep", "60"], start_new_session=True, env={**os.environ, **variables})
    assert kill_leftovers(leader(started, "pass"), tmp_path) == []
    assert bystander.poll() is None


@pytest.mark.parametrize("name", ["PYTHONPATH", *spec.CACHES])
def test_every_folder_variable_marks_a_process(started, tmp_path, name):
    given = spec.build_variables(spec.ChildSpec(), tmp_path)[name]
    daemon = started(["sleep", "60"], start_new_session=True, env={name: given})
    while not Path(f"/proc/{daemon.pid}/environ").read_bytes():
        pass  # it is about to have them
    assert kill_leftovers(None, tmp_path, grace=0.0) == ["sleep"]
    assert daemon.wait() == -signal.SIGKILL
