"""Environments match the names of their files, or are damaged; they list versions."""

import json

import msgspec
import pytest
from support.records import case, environment, ok, run, write

from bench.records import environments, files
from bench.records.environments import list_versions


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()), ok(case()))


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


@pytest.mark.parametrize(
    ("names", "is_safe"),
    [
        (["r1-sgd", "ü €", "x" * 200], True),
        (["x" * 201, "ü" * 101, "", ".", "..", ".a", "a/b", "/", "a\0b", "a\udcff"], False),
    ],
)
def test_file_names_stay_in_their_folder(names, is_safe):
    assert {files.is_file_name(name) for name in names} == {is_safe}


def test_unchanged_suite_is_version_and_commit():
    suite = {"version": "0.1.0", "commit": "0123456789abcdef", "dirty": False}
    assert list_versions([environment(suite=suite)])["suite"] == "0.1.0 0123456"
    assert list_versions([environment(suite={"version": "0.1.0"})])["suite"] == "0.1.0"
