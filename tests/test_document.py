"""JSON documents as files hold them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.error import UserError
from bench.formats import document


def test_what_is_written_is_read_again_and_is_plain_ascii(tmp_path):
    path = tmp_path / "new" / "folder" / "found.json"
    assert document.save(path, document.text({"name": "µ", "values": [0.1]})) == path
    assert path.read_bytes().isascii()
    assert path.read_bytes().endswith(b"}\n")
    assert document.read(path, dict[str, Any], "asv") == {"name": "µ", "values": [0.1]}
    assert json.loads(path.read_text()) == {"name": "µ", "values": [0.1]}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_written_that_json_has_none_of(value):
    with pytest.raises(ValueError, match="JSON"):
        document.text({"value": value})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b" \n", "is empty"), (b"{", "damaged"), (b"[]", "damaged"),
        (b'"\xff"', "damaged"), (b'{"a":' + b"[" * 100_000, "damaged"), (None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_the_tool_is_one_line(tmp_path, content, said):
    path = tmp_path / "found.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said) as found:
        document.read(path, dict[str, Any], "asv")
    assert "\n" not in str(found.value)


def test_neither_a_pipe_nor_what_has_no_end_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match="not a regular file; name a JSON file"):
            document.read(path, dict[str, Any], "asv")


@pytest.mark.parametrize("taken", ["", "found.json/below"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, taken):
    (tmp_path / "found.json").write_text("")
    with pytest.raises(UserError, match="choose --output"):
        document.save(tmp_path / taken, "{}")
