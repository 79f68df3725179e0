"""Stored runs are checked again: parity from their params, and no paths in their files."""

import json
import shutil

import numpy as np
import pytest
from msgspec.structs import replace
from support.processes import RUN

from bench.errors import DataError
from bench.records import jsonl
from bench.records.schema import Parity
from bench.runner.parity.stored import check_run, find_paths
from bench.worker.machine import ROOT

SMALL = (*RUN, "--rounds=2", "--implementation=numpy")


@pytest.fixture(scope="module")
def measured(command, tmp_path_factory):
    """The folder of a run of two trials."""
    folder = tmp_path_factory.mktemp("stored")
    done = command(folder, *SMALL, "--output=run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run"


@pytest.fixture
def stored(measured, tmp_path):
    return shutil.copytree(measured, tmp_path / "run")


def test_run_as_it_was_measured_passes(stored, called):
    status, out, _ = called("check", "run")
    assert (status, out.count("\n")) == (0, 1)
    assert "parity of 2 of 2 trials computed again" in out


def test_run_without_params_has_nothing_to_judge_again(stored):
    shutil.rmtree(stored / "params")
    checked = check_run(stored)
    assert (checked.judged, checked.total, checked.faults) == (0, 2, [])


def change_params(folder):
    path = next((folder / "params").iterdir())
    params = np.load(path)
    params[1] += 1e-4
    np.save(path, params)


def shorten_params(folder):
    path = next((folder / "params").iterdir())
    np.save(path, np.load(path)[:2])


def change_first_record(**changes):
    def apply(folder):
        path = folder / "trials.jsonl"
        first, *others = path.read_bytes().splitlines(keepends=True)
        record = jsonl.decode(first.rstrip(), "first")
        path.write_bytes(b"".join([jsonl.encode(replace(record, **changes)), *others]))

    return apply


def change_data(folder):
    for path in (folder / "environments").iterdir():
        facts = json.loads(path.read_text())
        facts["data"]["sha256"] = {"other": "0" * 64}
        path.write_text(json.dumps(facts))


def change_entropy(folder):
    for path in (folder / "entropy").iterdir():
        path.write_text("0" * 32)


def name_path(folder):
    plan = json.loads((folder / "run.json").read_text())
    plan["command"] += " --data /home/somebody/clothes"
    (folder / "run.json").write_text(json.dumps(plan))


def drop_record(folder):
    path = folder / "trials.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (change_params, "parity error"),
        (shorten_params, "params of 2 epochs"),
        (change_first_record(parity=Parity(0.0, 1e-5, passed=True)), "0.00e+00 in the record"),
        (change_first_record(test_accuracy=[1.0]), "accuracies"),
        (change_entropy, "entropy"),
        (change_data, "other data"),
        (lambda folder: shutil.rmtree(folder / "entropy"), "no entropy"),
        (name_path, "run.json names /home/somebody/clothes"),
        (drop_record, "1 planned trials are missing"),
    ],
)
def test_fault_of_a_run_is_named(stored, called, change, fault):
    change(stored)
    status, out, err = called("check", "run")
    assert (status, err) == (1, "")
    assert fault in out


def test_runs_and_implementations_are_checked_apart(stored, refused):
    refused("check", "run", "numpy")


def test_published_runs_pass():
    folders = [path.parent for path in (ROOT / "results" / "reference").glob("*/run.json")]
    try:
        checked = {folder.name: check_run(folder).faults for folder in folders}
    except DataError as error:
        pytest.skip(str(error))
    assert folders
    assert not any(checked.values()), checked


def test_published_comparisons_name_no_path():
    folders = [path.parent for path in (ROOT / "results" / "reference").glob("*/comparison.json")]
    assert not [line for folder in folders for line in find_paths(folder)]


def test_page_of_all_machines_names_each_published_folder():
    page = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "results" / "reference").iterdir()}
    assert not {name for name in names if f"`{name}`" not in page}
