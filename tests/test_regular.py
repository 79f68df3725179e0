"""Only regular files of an expected size are read; whatever else lies there is an error at once."""

import os
from pathlib import Path

import pytest

from bench import regular


def test_a_file_of_as_many_bytes_as_expected_is_read(tmp_path):
    (tmp_path / "four").write_bytes(b"four")
    assert regular.read(tmp_path / "four", 4) == b"four"


def test_a_larger_one_is_refused_before_any_of_it_is_read(tmp_path):
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(2**40)  # sparse: to read it would take hours
    with pytest.raises(OSError, match="larger than 1024 bytes"):
        regular.read(tmp_path / "large", 1024)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path, kind):
    places = {"pipe": tmp_path / "pipe", "device": "/dev/zero", "folder": tmp_path}
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        regular.read(places[kind], 1024)


def test_a_link_is_followed_for_a_user_and_not_for_a_child(tmp_path):
    (tmp_path / "there").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("there")
    assert regular.read(tmp_path / "link", 100) == b"secret"
    with pytest.raises(OSError, match="symbolic links"):
        regular.read(tmp_path / "link", 100, follow=False)


def test_what_is_refused_is_closed_again(tmp_path):
    before = list(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with pytest.raises(OSError, match="not a regular file"):
            regular.read("/dev/null", 10)
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
