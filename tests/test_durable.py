"""What is written is on the disk, whole, or not there at all."""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bench import durable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a"


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_replaced_whole_and_is_on_disk_before_it_has_its_name(path, monkeypatch):
    synced, opened = [], Path("/proc/self/fd")
    monkeypatch.setattr(os, "fsync", lambda to: synced.append((opened / str(to)).readlink()))
    path.write_bytes(b"old")
    assert durable.write(path, [b"ne", b"w"]) == path
    assert path.read_bytes() == b"new"
    assert synced == [Path(f"{path}.{os.getpid()}.part"), path.parent]
    assert list(path.parent.iterdir()) == [path]


def test_on_a_full_disk_the_old_file_stays_and_nothing_else(path, monkeypatch):
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_that_make_a_file_one_does(path):
    made, refused, ready = [], [], threading.Barrier(8)

    def make(number):
        ready.wait()
        try:
            durable.new(path, b"%d" % number)
            made.append(number)
        except FileExistsError:
            refused.append(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", threading.get_ident)
        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert (len(made), len(refused)) == (1, 7)
    assert path.read_bytes() == b"%d" % made[0]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_who_comes_second_is_told_so_even_when_the_first_has_cleared_the_folder(
    path, monkeypatch, links
):
    """The first has its file and clears what is not whole, while the second is just writing its."""
    link = os.link

    def late(*given):
        path.write_bytes(b"1")
        durable.clear(path.parent)
        return link(*given) if links else none()

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError):
        durable.new(path, b"2")
    assert path.read_bytes() == b"1"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_whose_folder_is_gone_meanwhile_is_not_said_to_be_there(path, monkeypatch):
    link = os.link
    monkeypatch.setattr(os, "link", lambda *given: durable.clear(path.parent) or link(*given))
    with pytest.raises(FileNotFoundError):
        durable.new(path, b"1")


def none(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_without_links_a_file_is_renamed(path, monkeypatch):
    monkeypatch.setattr(os, "link", none)
    durable.new(path, b"1")
    assert path.read_bytes() == b"1"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_appended_comes_in_one_write(path, monkeypatch):
    written, write = [], os.write
    monkeypatch.setattr(os, "write", lambda *given: written.append(given[1]) or write(*given))
    durable.append(path, b"1\n")
    durable.append(path, b"2\n")
    assert written == [b"1\n", b"2\n"]
    assert path.read_bytes() == b"1\n2\n"


@pytest.mark.parametrize("fault", ["half", "none", "fsync"])
def test_what_cannot_be_appended_whole_is_not_there_at_all(path, monkeypatch, fault):
    durable.append(path, b"1\n")
    if fault == "half":
        write = os.write
        monkeypatch.setattr(os, "write", lambda to, data: write(to, data[: len(data) // 2]))
    else:
        monkeypatch.setattr(os, "write" if fault == "none" else "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        durable.append(path, b"2222\n")
    assert path.read_bytes() == b"1\n"


def test_what_another_process_of_this_number_left_is_in_nobodys_way(path):
    path.with_name(f"a.{os.getpid()}.part").write_bytes(b"12345")
    durable.new(path, b"1")
    assert path.read_bytes() == b"1"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("action", ["append", "extend", "cut", "write", "new"])
def test_nothing_is_written_through_a_link(path, action):
    other = path.with_name("other")
    other.write_bytes(b"12345")
    for name in (path, f"{path}.{os.getpid()}.part"):
        Path(name).symlink_to(other)
    given = {"append": b"1", "extend": [b"1"], "cut": 2, "write": [b"1"], "new": b"1"}[action]
    with suppress(OSError):
        getattr(durable, action)(path, given)
    assert other.read_bytes() == b"12345"


def test_a_file_is_cut_only_where_it_is_longer(path):
    path.write_bytes(b"12345")
    durable.cut(path, 3)
    assert path.read_bytes() == b"123"
    durable.cut(path, 4)
    assert path.read_bytes() == b"123"


def test_parts_are_added_at_the_end(path):
    durable.extend(path, [b"1", b"2"])
    durable.extend(path, [b"3"])
    assert path.read_bytes() == b"123"


def test_a_folder_is_there_whole_or_not_at_all(path):
    with durable.folder(path / "b" / "c") as folder:
        assert folder.parent == path / "b"
        (folder / "x").touch()
        assert not (path / "b" / "c").exists()
    assert [each.name for each in (path / "b" / "c").iterdir()] == ["x"]
    with pytest.raises(OSError, match="No space"), durable.folder(path / "b" / "d"):
        full()
    with pytest.raises(OSError, match="not empty"), durable.folder(path / "b" / "c"):
        pass
    assert [each.name for each in (path / "b").iterdir()] == ["c"]


def test_a_folder_that_was_being_made_by_a_dead_process_of_this_number_is_in_no_ones_way(path):
    (path.parent / f".a.{os.getpid()}.part" / "x").mkdir(parents=True)
    with durable.folder(path) as folder:
        (folder / "y").touch()
    assert [each.name for each in path.iterdir()] == ["y"]
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_takes_the_place_of_an_empty_one(path):
    path.mkdir()
    with durable.folder(path) as folder:
        (folder / "x").touch()
    assert (path / "x").exists()
