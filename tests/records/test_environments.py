"""Environments match the names of their files, or are damaged."""

import json
import os

import msgspec
import pytest
from support.records import case, environment, ok, run, write

from bench.errors import UserError
from bench.records import environments


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()), ok(case()))


def test_environments_are_read_by_their_ids(folder):
    assert environments.read_undamaged(folder) == ({"here": environment()}, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "there"},
        {"id": "../here"},
        {"machine": []},
        {"machine": {"gpus": "a"}},
        {"software": {"distributions": {"torch": {}}}},
        {"suite": {"commit": {}}},
        {"data": {"features": -1}},
        {"data": {"sha256": "abc"}},
        {"variables": {"A": 1}},
        {"more": 1},
    ],
)
def test_facts_of_the_wrong_type_are_damaged(folder, changes):
    text = json.dumps({**msgspec.to_builtins(environment()), **changes})
    (folder / "environments" / "here.json").write_text(text)
    known, (fault,) = environments.read_undamaged(folder)
    assert known == {}
    assert fault.startswith("environments/here.json: ")
    assert "\n" not in fault


@pytest.mark.parametrize("text", ["", "{", "[" * 10**6, '{"id": "\\ud800"}'])
def test_invalid_json_is_damaged(folder, text):
    (folder / "environments" / "here.json").write_text(text)
    known, faults = environments.read_undamaged(folder)
    assert (known, len(faults)) == ({}, 1)


def test_unreadable_file_is_user_error(folder):
    os.mkfifo(folder / "environments" / "pipe.json")
    with pytest.raises(UserError, match=r"pipe\.json: cannot be read: it is not a regular file"):
        environments.read_undamaged(folder)


@pytest.mark.parametrize(
    ("names", "is_safe"),
    [
        (["r1-sgd", "ü €", "x" * 200], True),
        (["x" * 201, "ü" * 101, "", ".", "..", ".a", "a/b", "/", "a\0b", "a\udcff"], False),
    ],
)
def test_file_names_stay_in_their_folder(names, is_safe):
    assert {environments.is_file_name(name) for name in names} == {is_safe}
