"""JSON documents that are written for other tools."""

import json

import pytest

from bench.errors import UserError
from bench.report.export import json_file


def test_document_is_saved_as_plain_ascii_in_new_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "document.json"
    assert json_file.save(path, json_file.text({"name": "µ", "values": [0.1]})) == path
    assert path.read_bytes().isascii()
    assert path.read_bytes().endswith(b"}\n")
    assert json.loads(path.read_text()) == {"name": "µ", "values": [0.1]}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_json_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        json_file.text({"value": value})


@pytest.mark.parametrize("place", ["", "document.json/below"])
def test_unwritable_path_is_a_user_error(tmp_path, place):
    (tmp_path / "document.json").write_text("")
    with pytest.raises(UserError):
        json_file.save(tmp_path / place, "{}")
