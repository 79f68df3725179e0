"""The folder of a trial: gone afterwards, be it because the next run on the host clears it away."""

import os
import resource
import subprocess
import tempfile
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner import lock
from bench.runner.process import scratch


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


def test_the_folder_is_there_within_and_gone_with_all_in_it_afterwards(temporary):
    with scratch.folder() as folder:
        (folder / "params.npy").write_bytes(b"whole")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_a_child_may_have_removed_it_itself(temporary):
    with scratch.folder() as folder:
        folder.rmdir()
    assert list(temporary.iterdir()) == []


def test_who_gets_the_hosts_lock_clears_away_what_was_left(temporary, dead):
    folder, left = dead
    with lock.opened() as host:
        assert host.take()
    assert not folder.exists()
    assert left.wait(timeout=20) == -9


def test_who_waited_for_it_does_so_too(temporary, dead):
    folder, left = dead
    with lock.opened() as host:
        host.wait()
    assert not folder.exists()
    assert left.wait(timeout=20) == -9


def test_who_does_not_get_it_touches_nothing(temporary, dead):
    folder, left = dead
    with lock.opened() as other:
        mark = folder.with_suffix(".lock")
        mark.rename(aside := temporary / "aside")
        assert other.take()
        aside.rename(mark)
        with lock.opened() as host:
            assert not host.take()
    assert (folder / "params.npy").exists()
    assert left.poll() is None


def test_what_somebody_works_in_is_left_alone(temporary):
    with scratch.folder() as folder:
        scratch.sweep()
        assert folder.exists()


def test_links_files_and_other_folders_are_left_alone(temporary):
    (temporary / "elsewhere").mkdir()
    (temporary / f"{scratch.PREFIX}link").symlink_to("elsewhere")
    (temporary / f"{scratch.PREFIX}file").touch()
    (temporary / f"{scratch.PREFIX}a.lock").symlink_to("elsewhere")
    (temporary / f"{scratch.PREFIX}b.lock").mkdir()
    (temporary / "softmax-bench-asked").mkdir()
    before = sorted(temporary.iterdir())
    scratch.sweep()
    assert sorted(temporary.iterdir()) == before


def test_another_users_folder_is_left_alone(temporary, dead, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    scratch.sweep()
    assert dead[0].exists()


def test_where_nothing_can_be_written_one_line_names_the_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(UserError, match=r"cannot write to /proc/nowhere: .*; .* set TMPDIR"):
        scratch.check_room()
    with pytest.raises(UserError, match="set TMPDIR"), scratch.folder():
        pytest.fail("there was no folder")


def test_what_goes_wrong_within_is_not_taken_for_a_full_disk():
    with pytest.raises(FileNotFoundError), scratch.folder() as folder:
        Path(folder / "absent").read_bytes()


def test_where_there_is_room_nothing_is_said(temporary):
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
def test_folders_nested_very_deep_are_removed_too(temporary, files):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, before[1]), before[1]))
    try:
        with scratch.folder() as folder:
            nested(folder, 1500)
        assert list(temporary.iterdir()) == []
        (left := temporary / f"{scratch.PREFIX}dead").mkdir()
        left.with_suffix(".lock").touch()
        nested(left, 1500)
        scratch.sweep()
        assert list(temporary.iterdir()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        subprocess.run(["rm", "-rf", *temporary.iterdir()], check=True)


def test_what_cannot_be_removed_stays_and_nothing_is_raised(temporary, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)
    with scratch.folder() as folder:
        pass
    assert folder.exists()


def test_a_folder_that_a_child_shut_is_removed_too(temporary, monkeypatch):
    monkeypatch.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)  # nothing stops root's
    with scratch.folder() as folder:
        (folder / "shut").mkdir(mode=0)
    assert list(temporary.iterdir()) == []
