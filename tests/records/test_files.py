"""Reading is limited and never blocks; writing is atomic."""

import errno
import gc
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from bench.records import files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a"


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_read_file_refuses_files_over_the_limit(path):
    path.write_bytes(b"four")
    assert files.read_file(path, 4) == b"four"
    os.truncate(path, 2**40)  # sparse: reading it would take hours
    with pytest.raises(OSError, match="larger than 4 bytes"):
        files.read_file(path, 4)


def test_read_file_allocates_what_the_file_holds(path):
    path.write_bytes(b"four")
    tracemalloc.start()
    try:
        files.read_file(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_read_file_refuses_special_files_at_once(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe")
    paths = {"pipe": tmp_path / "pipe", "device": Path("/dev/zero"), "folder": tmp_path}
    gc.collect()  # files of other tests, which would be closed in between
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        files.read_file(paths[kind])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_read_file_follows_links_on_request_only(path):
    path.write_bytes(b"secret")
    link = path.with_name("link")
    link.symlink_to(path)
    assert files.read_file(link) == b"secret"
    with pytest.raises(OSError, match="symbolic links"):
        files.read_file(link, follow=False)


def test_write_file_on_full_disk_keeps_old_file(path, monkeypatch):
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("write", [files.write_file, files.append])
def test_links_are_not_written_through(path, write):
    other = path.with_name("other")
    other.write_bytes(b"12345")
    for name in (path, path.with_name(f"a.{os.getpid()}.part")):
        name.symlink_to(other)
    with suppress(OSError):
        write(path, b"1")
    assert other.read_bytes() == b"12345"


def test_remove_unfinished_deletes_temporary_files_only(tmp_path):
    for name in ("run.json.7.part", "a.part", ".7.part", "b.7x.part", "run.json"):
        (tmp_path / name).touch()
    (tmp_path / "folder.7.part").mkdir()
    files.remove_unfinished(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.part", ".7.part", "b.7x.part", "run.json", "folder.7.part"}


def test_new_folder_is_complete_or_absent(path):
    for name in (".a.part", ".a.b.part"):
        (path.parent / name / "stale").mkdir(parents=True)
    with files.new_folder(path) as folder:
        (folder / "x").touch()
        assert not path.exists()
    (path.parent / ".a.b.part" / "stale").rmdir()  # of another folder, a.b
    (path.parent / ".a.b.part").rmdir()
    assert [file.name for file in path.iterdir()] == ["x"]
    with pytest.raises(OSError, match="No space"), files.new_folder(path.with_name("b")):
        full()
    with pytest.raises(OSError, match="not empty"), files.new_folder(path):
        pass
    assert list(path.parent.iterdir()) == [path]


def test_new_folder_is_made_by_one_process_at_a_time(path):
    with files.new_folder(path) as folder:
        (folder / "x").touch()
        with pytest.raises(OSError, match="another process"), files.new_folder(path):
            pass
    assert [file.name for file in path.iterdir()] == ["x"]
    assert list(path.parent.iterdir()) == [path]
