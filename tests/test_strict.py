"""Other people's files are opened only where they are files, and read only where they are small."""

import os

import pytest
from fixtures_records import case, run

from bench import strict
from bench.error import UserError
from bench.result import Run
from bench.strict import DamagedError


def test_a_file_is_read_up_to_its_size(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert strict.read(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="of 5 bytes it may have 4"):
        strict.read(tmp_path / "a", 4)


def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path):
    with (tmp_path / "a").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(OSError, match=f"of {2**40} bytes it may have {16 * 2**20}"):
        strict.read(tmp_path / "a")


def test_a_pipe_is_not_waited_for_nor_a_device_read_nor_a_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero", "."):
        with pytest.raises(OSError, match=r"it is no regular file|Is a directory"):
            strict.read(tmp_path / name)


def test_a_link_is_followed_where_it_may_be(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("a")
    assert strict.read(tmp_path / "b") == b"1"
    with pytest.raises(OSError, match="symbolic links"):
        strict.read(tmp_path / "b", follow=False)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path):
    with pytest.raises(OSError, match="it has more than 10 bytes"):
        strict.read(growing(), 10)


def growing():
    """Return a file of Linux that has no size and something in it."""
    from pathlib import Path

    return Path("/proc/self/status")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a Run: "), (b"[" * 10**6, "not a Run: "), (b'{"a": "\\ud800"}', "not a Run: "),
        (b'{"a": "\xed\xa0\x80"}', "not a Run: "), (b'{"a":' * 10**6, "not a Run: "),
    ],
)  # fmt: skip
def test_what_is_no_json_of_its_kind_is_damage(data, says):
    with pytest.raises(DamagedError, match=says):
        strict.decoded(data, Run, "here")


def test_what_only_a_newer_suite_reads_is_for_that():
    with pytest.raises(UserError, match="here: format 6 is newer than this suite; update it"):
        strict.decoded(b'{"format": 6, "more": [1]}', Run, "here")


def test_every_key_is_there_once_however_deep():
    kind = dict[str, dict[str, int]]
    assert strict.decoded(b'{"a": {"b": 1}, "c": {"b": 1}}', kind, "here")
    with pytest.raises(DamagedError, match="it says 'b' twice"):
        strict.decoded(b'{"a": {"b": 1, "\\u0062": 2}}', kind, "here")


def test_a_plan_that_was_written_is_read():
    import msgspec

    planned = run(case())
    assert strict.decoded(msgspec.json.encode(planned), Run, "here") == planned
