"""What may be merged: runs and folders of runs, whole, and nothing that leads out of them."""

import json
from contextlib import suppress

import pytest
from fixtures_records import MACHINE, case, ok, run, write

from bench.error import UserError
from bench.part import read


@pytest.fixture
def folder(tmp_path):
    """A run with a record."""
    return write(tmp_path / "all" / "x", run(case()), ok(case()))


def test_a_folder_of_runs_is_its_runs(folder):
    write(folder.parent / "y", run(case()))
    assert [each.folder.name for each in read([folder.parent, folder])] == ["x", "y", "x"]


def test_what_is_no_run_is_refused(folder, tmp_path):
    for name in ("comparison", "calibration"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.json").touch()
        with pytest.raises(UserError, match=f"is a {name}, and only runs are merged"):
            read([folder, tmp_path / name])
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UserError, match=r"holds no run: there is no run\.json, nor a folder"):
            read([folder, path])


@pytest.mark.parametrize(
    "name", ["run.json", "trials.jsonl", "environments", "params", "environments/here.json"]
)
def test_a_file_that_may_lie_elsewhere_is_refused(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    with pytest.raises(UserError, match=f"{name} is a link, which may lead elsewhere; copy"):
        read([folder])


def test_whom_any_part_names_is_left_out_of_all(tmp_path):
    alice = ok(case(), 1, energy_absent="/home/alice/x on n1 and n2")
    write(tmp_path / "x", run(case()), alice, machine={**MACHINE, "host": "n1"})
    other = ok(case(), 2, energy_absent="alice on n1 and n2")
    write(tmp_path / "y", run(case()), other, machine={**MACHINE, "host": "n2"})
    parts = read([tmp_path / "x", tmp_path / "y"], strip=True)
    told = [each.record(found).energy_absent for each in parts for _, found in each.records()]
    assert told == ["<path>/x on <host> and <host>", "<user> on <host> and <host>"]


def test_an_environment_that_is_nested_deep_is_one_or_refused(tmp_path):
    for depth in (10, 100, 300, 400, 600):
        deep = json.loads("[" * depth + "]" * depth)
        write(tmp_path / f"{depth}", run(case()), machine={**MACHINE, "deep": deep})
    assert read([tmp_path / "100", tmp_path / "10"], strip=True)
    for depth in (300, 400, 600):
        with suppress(UserError):
            read([tmp_path / f"{depth}"], strip=True)
