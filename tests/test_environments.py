"""An environment is the one that its file is named after, or it is damaged."""

import json
import os

import msgspec
import pytest
from support.records import case, environment, ok, run, write

from bench import environments
from bench.error import UserError


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()), ok(case()))


def changed(folder, **changes):
    found = msgspec.to_builtins(environment())
    (folder / "environments" / "here.json").write_text(json.dumps({**found, **changes}))
    return environments.read(folder)


def test_environments_are_read_by_their_ids(folder):
    assert environments.read(folder) == ({"here": environment()}, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "there"}, {"id": "../here"}, {"machine": []}, {"machine": {"id": 1}},
        {"machine": {"gpus": "a"}}, {"software": {"distributions": []}},
        {"software": {"distributions": {"torch": {}}}}, {"data": {"features": -1}},
        {"data": {"classes": [10]}},
        {"data": {"test_images": -1}}, {"data": {"sha256": "abc"}}, {"variables": {"A": 1}},
        {"more": 1},
    ],
)  # fmt: skip
def test_one_that_no_suite_wrote_is_damaged(folder, changes):
    found, (fault,) = changed(folder, **changes)
    assert found == {}
    assert fault.startswith("environments/here.json: ")
    assert "\n" not in fault


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 10**6, '{"id": ' + '{"a": ' * 10**5, '{"id": "\\ud800"}']
)
def test_one_that_is_no_json_is_damaged(folder, text):
    (folder / "environments" / "here.json").write_text(text)
    found, (fault,) = environments.read(folder)
    assert (found, fault[:42]) == ({}, "environments/here.json: not a Environment:")


def test_a_key_that_is_there_twice_is_damage(folder):
    path = folder / "environments" / "here.json"
    path.write_text(path.read_text().replace('"cores": 2', '"cores": 4, "cores": 2'))
    assert environments.read(folder)[1] == ["environments/here.json: it says 'cores' twice"]


def test_one_that_cannot_be_read_is_an_error_of_one_line(folder):
    os.mkfifo(folder / "environments" / "pipe.json")
    with pytest.raises(UserError, match=r"pipe\.json: cannot be read: it is not a regular file"):
        environments.read(folder)


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [("r1-sgd", True), ("ü €", True), ("x" * 200, True), ("x" * 201, False), ("ü" * 101, False),
     ("", False), (".", False), ("..", False), (".a", False), ("a/b", False), ("/", False),
     ("a\0b", False), ("a\udcff", False)],
)  # fmt: skip
def test_a_name_is_a_files_in_its_folder_or_is_refused(name, is_plain):
    assert environments.plain(name) is is_plain


def test_no_more_of_them_are_read_than_any_run_has(folder):
    others = folder / "environments"
    for number in range(environments.MOST_FILES):
        (others / f"x{number}.json").touch()
    with pytest.raises(UserError, match=r"environments: more than 1,000 files; leave it out"):
        environments.read(folder)
    (others / "x0.json").unlink()
    assert len(environments.read(folder)[1]) == environments.MOST_FILES - 1


def test_one_is_no_larger_than_any_run_has(folder):
    path = folder / "environments" / "here.json"
    whole = path.read_bytes()
    path.write_bytes(whole.ljust(environments.MOST))
    assert environments.read(folder) == ({"here": environment()}, [])
    path.write_bytes(whole.ljust(environments.MOST + 1))
    with pytest.raises(UserError, match=r"here\.json: cannot be read: it is larger than 1048576"):
        environments.read(folder)


def test_nor_are_all_together(folder):
    for number in range(15):
        (folder / "environments" / f"x{number}.json").write_bytes(bytes(environments.MOST))
    assert len(environments.read(folder)[1]) == 15
    (folder / "environments" / "y.json").write_bytes(bytes(environments.MOST))
    with pytest.raises(UserError, match=r"environments: more than 16 MiB of files; leave it out"):
        environments.read(folder)
