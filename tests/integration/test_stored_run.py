"""Stored runs are checked again: parity from their params, and nothing private in their files."""

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from support.processes import READING_VERBS, RUN, assert_read_by_every_verb

from bench.data import dataset
from bench.errors import DataError, UserError
from bench.records import jsonl, store
from bench.records.schema import Parity
from bench.runner.lock import hold_host_lock
from bench.runner.parity.stored import check_run, list_private_texts
from bench.worker.machine import ROOT

SMALL = (*RUN, "--rounds=2", "--implementation=numpy")
DEFAULT = (
    *("run", "--data=digits", "--workload=sgd", "--implementation=numpy"),
    *("--threads=1", "--no-roofline"),
)


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
    with hold_host_lock():  # what only reads waits for no run
        status, out, _ = called("check", "run")
    assert (status, out.count("\n")) == (0, 1)
    assert "parity of 1 of 1 rows computed again" in out


def test_run_without_params_has_nothing_to_judge_again(stored, called):
    shutil.rmtree(stored / "params")
    status, out, _ = called("check", "run")
    assert (status, out) == (0, "run: without params, so no parity was computed again; 0 faults\n")


def change_params(change, *, sealed=True):
    """Return a change of a run's first params; sealed: the record has the hash of the new ones.

    change: returns the new params, or the new bytes of their file.
    """

    def apply(folder):
        path, (first, *_) = next((folder / "params").iterdir()), store.read_records(folder)
        params = change(np.load(path), first)
        if isinstance(params, bytes):
            path.write_bytes(params)
        else:
            np.save(path, params)
        if sealed:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            change_first_record(params_sha256=sha256)(folder)

    return apply


def change_last_epoch(params, first):
    """Change the last timed epoch that was not judged, by so little that parity holds."""
    return change_epochs(params, first, 1.0001, slice(-1, None))


def change_epochs(params, first, factor=1.01, some=slice(None)):
    """Change timed epochs that were not judged."""
    others = sorted({*range(1, 1 + len(first.epoch_seconds))} - {*first.judged_epochs})
    for number in others[some]:
        params[first.stretch_epochs + number - 1] *= np.float32(factor)
    return params


def promise(shape):
    """Return a file without numbers whose header promises an array of this shape."""
    content = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue()


def make_archive():
    content = io.BytesIO()
    np.savez(content, np.zeros((6, 65, 10), np.float32))
    return content.getvalue()


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
        (change_params(change_last_epoch, sealed=False), "params have changed since"),
        (change_params(change_epochs), "is above 1e-05: other mathematics, in timed epoch"),
        (change_params(lambda params, _: params + np.float32(1e-4)), "parity error"),
        (change_params(lambda params, _: params[:2]), "params of 2 epochs"),
        (change_params(lambda params, _: np.resize(params, (202, 65, 10))), "params of 202 epochs"),
        (change_first_record(noise_parity=Parity(0.0, 1e-5, passed=True)), "0.00e+00 in the"),
        *(
            (change_params(lambda *_, content=content: content), "cannot be read")
            for content in (
                b"",
                promise((10**12, 65, 10)),
                promise((2**62, 65, 10)),
                make_archive(),
            )
        ),
        (change_first_record(judged_epochs=[2**53]), "epoch 9007199254740992 was judged"),
        (change_first_record(parity=Parity(0.0, 1e-5, passed=True)), "0.00e+00 in the record"),
        (change_first_record(test_accuracy=[1.0]), "accuracies"),
        (change_data, "other data"),
        (lambda folder: shutil.rmtree(folder / "entropy"), "no entropy"),
        (name_path, "run.json names /home/somebody/clothes"),
        (drop_record, "planned trials missing: 1"),
    ],
)
def test_fault_of_a_run_is_named(stored, called, change, fault):
    change(stored)
    status, out, err = called("check", "run")
    assert (status, err) == (1, "")
    assert fault in out


def test_every_verb_reads_a_default_run_of_a_fast_program(command, called, tmp_path):
    done = command(tmp_path, *DEFAULT, "--output=run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_read_by_every_verb(called, tmp_path / "run")
    # An older suite validated until a target was reached, and tested the epochs of the case.
    first, *later = store.read_records(tmp_path / "run")
    longer = {"validation_accuracy": first.validation_accuracy * 2}
    later = [replace(one, test_accuracy=first.test_accuracy, **longer) for one in later]
    lines = [jsonl.encode(one) for one in (first, *later)]
    (tmp_path / "run" / "trials.jsonl").write_bytes(b"".join(lines))
    assert {(len(one.validation_accuracy), len(one.test_accuracy)) for one in later} == {(10, 5)}
    assert_read_by_every_verb(called, tmp_path / "run")


@pytest.mark.parametrize(
    "name", ["run.json", "trials.jsonl", "environments", "entropy", "params", "notes.md"]
)
def test_every_verb_refuses_a_run_with_a_link(stored, called, tmp_path, name):
    outside = tmp_path / "outside"
    (stored / "notes.md").touch()
    (stored / name).rename(outside)
    (stored / name).symlink_to(outside)
    for verb in (*READING_VERBS, ("merge", "RUN", "RUN", "--output=merged")):
        status, out, err = called(*(word.replace("RUN", "run") for word in verb))
        assert (status, out, "is a link" in err) == (2, "", True)
    assert not (tmp_path / "merged").exists()


def test_link_that_the_user_names_is_followed(stored, called, tmp_path):
    (tmp_path / "link").symlink_to(stored)
    assert_read_by_every_verb(called, tmp_path / "link")


def test_folder_of_data_is_the_users_not_the_senders(stored, tmp_path):
    plan = json.loads((stored / "run.json").read_text())
    plan["data"] = str(tmp_path / "secret")
    (stored / "run.json").write_text(json.dumps(plan))
    with pytest.raises(UserError, match="--data"):
        check_run(stored)
    assert check_run(stored, "digits").judged == 1


def test_runs_and_implementations_are_checked_apart(stored, refused):
    refused("check", "run", "numpy")


# Published before params were asked for, or by us: records hold their parity.
WITHOUT_PARAMS = {
    *("amd-epyc-2-cores", "amd-epyc-zen4-2-cores", "amd-epyc-zen4-2-cores-second"),
    *("intel-xeon-2-cores", "intel-xeon-167-2-cores", "intel-xeon-6-167-2-cores-2-dec-default"),
    *(f"amd-epyc-zen5-2-cores-{name}" for name in ("many", "second")),
}


# Every day two trials of one run.
@pytest.mark.parametrize("trials", [2, pytest.param(None, marks=pytest.mark.full)])
def test_published_runs_pass(called, tmp_path, trials):
    try:
        dataset.find()
    except DataError as error:
        pytest.skip(str(error))
    folder = ROOT / "results" / "reference"
    if trials:
        folder = shutil.copytree(folder / "amd-epyc-zen5-2-cores", tmp_path / "run")
        for path in sorted((folder / "params").iterdir())[trials:]:
            path.unlink()
    status, out, err = called("check", folder)
    assert (status, err) == (0, ""), out
    for line in out.splitlines():
        ours = any(f"/{name}" in line for name in WITHOUT_PARAMS)
        sent = store.read_run(Path(line.partition(": ")[0])).preset == "share"
        assert "without params" not in line or ours or sent, f"add them (CONTRIBUTING.md): {line}"


def test_published_runs_and_comparisons_name_nobody(tmp_path):
    for path in (ROOT / "results" / "reference" / "releases").glob("*.tar.xz"):
        with tarfile.open(path) as archive:
            archive.extractall(tmp_path, filter="data")
    folders = [path.parent for path in tmp_path.rglob("comparison.json")]
    assert folders
    folders += [path.parent for path in (ROOT / "results" / "reference").glob("*/run.json")]
    assert not [line for folder in folders for line in list_private_texts(folder)]
