"""The folder of a worker, removed after it or by the next run."""

import os
import subprocess
import sys
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
    process = subprocess.Popen(["sleep", "600"], env={"TMPDIR": str(folder / "cache")})
    yield folder, process
    process.kill()
    process.wait()


def test_folder_is_removed_after_the_block(temporary):
    with scratch.make_folder() as folder:
        (folder / "params.npy").write_bytes(b"whole")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_holder_of_the_host_lock_sweeps_stale_folders(dead):
    folder, process = dead
    with lock.hold_host_lock():
        assert not folder.exists()
    assert process.wait(timeout=240) == -9


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
    with pytest.raises(UserError, match=r"cannot write to /proc/nowhere: .* set TMPDIR"):
        scratch.check_room()
    with pytest.raises(UserError, match="set TMPDIR"), scratch.make_folder():
        pytest.fail("there was no folder")


def test_error_within_the_block_passes_through():
    with pytest.raises(FileNotFoundError), scratch.make_folder() as folder:
        Path(folder / "absent").read_bytes()


def test_enough_room_is_no_error(temporary):
    scratch.check_room()
    assert list(temporary.iterdir()) == []


def test_folder_nested_too_deeply_raises_nothing(temporary):
    with scratch.make_folder() as folder:
        inner = os.open(folder, os.O_RDONLY)
        for _ in range(sys.getrecursionlimit() + 100):
            os.mkdir("n", dir_fd=inner)
            outer, inner = inner, os.open("n", os.O_RDONLY, dir_fd=inner)
            os.close(outer)
        os.close(inner)
    assert not folder.with_suffix(".lock").exists()
    subprocess.run(["rm", "-rf", str(temporary)], check=True)


def test_folder_that_cannot_be_removed_raises_nothing(temporary, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "rmdir", refuse)
    with scratch.make_folder() as folder:
        pass
    assert folder.exists()
