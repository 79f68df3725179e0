"""Merging is a union in any order, all or nothing, and does not change the parts."""

import itertools
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import files, merge, store
from bench.report.base import load

PLAN = run(case("a"), case("b"), rounds={"sgd": 3})
LATER = "2025-01-02T04:04:05+00:00"
INTERRUPTED = bare(case("b"), 2, status="interrupted")
RECORDS = [
    *trials(case("a"), 0.5, 0.6, 0.7),
    ok(case("b"), 1, started=LATER),
    INTERRUPTED,
    msgspec.structs.replace(INTERRUPTED, started="2025-01-02T04:04:06+02:00"),
    ok(case("b"), 2, environment="there", started=LATER),
    bare(case("b"), 3, reason="it fell"),
]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def write_part(folder, records, plan=PLAN, **changes):
    """Write a part of a run with two environments and the params of its ok trials."""
    write(folder, plan, *records, **changes)
    store.add_environment(folder, environment(id="there", machine={**MACHINE, "cores": 4}))
    for record in records:
        if record.status == "ok":
            path = folder / "params" / f"{record.trial}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.full((1, 1, 1), record.round, "<f4"))
    return folder


@pytest.fixture
def parts(tmp_path):
    """Three parts of one run, which share some records."""
    slices = (("x", 0, 3), ("y", 2, 6), ("z", 5, 8))
    return [write_part(tmp_path / name, RECORDS[begin:end]) for name, begin, end in slices]


def test_order_of_parts_changes_no_byte(parts, tmp_path):
    outputs = []
    for number, order in enumerate(itertools.permutations(parts)):
        merge.merge_runs(order, tmp_path / f"out {number}")
        outputs.append(contents(tmp_path / f"out {number}"))
    assert all(output == outputs[0] for output in outputs)
    records = store.read_records(tmp_path / "out 0")
    assert [(one.case.implementation, one.round, one.status) for one in records] == [
        ("b", 2, "interrupted"),  # at four o'clock two hours east of the others
        ("a", 1, "ok"),
        ("a", 2, "ok"),
        ("b", 2, "interrupted"),
        ("a", 3, "ok"),
        ("b", 3, "failed"),
        ("b", 1, "ok"),
        ("b", 2, "ok"),
    ]


@given(st.lists(st.lists(st.integers(0, 7), unique=True), min_size=3, max_size=4))
@settings(max_examples=10, deadline=None)
def test_merging_is_idempotent_and_associative(chosen):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        parts = [
            write_part(place / f"{number}", [RECORDS[index] for index in indices])
            for number, indices in enumerate(chosen)
        ]
        merge.merge_runs(parts, place / "all")
        merge.merge_runs(parts[:2], place / "first")
        merge.merge_runs([*parts[2:], place / "first"], place / "grouped")
        merge.merge_runs([place / "all", *parts, place / "first"], place / "again")
        assert contents(place / "grouped") == contents(place / "all") == contents(place / "again")


def test_merged_run_is_complete_and_parts_unchanged(parts, tmp_path):
    with (parts[0] / "trials.jsonl").open("ab") as stream:
        stream.write(b'{"format":5,"ki')  # a torn line
    before = [contents(part) for part in parts]
    output = tmp_path / "new" / "out"
    output.parent.mkdir()
    (merged,) = merge.merge_runs(parts, output)
    assert (merged.parts, len(merged.records), merged.repeated) == (3, 8, 2)
    assert [contents(part) for part in parts] == before
    assert store.read_run(output) == PLAN
    assert load.load_run(output).missing_count == 0
    assert np.load(output / "params" / f"{RECORDS[1].trial}.npy").tolist() == [[[2.0]]]
    assert {path.stem for path in (output / "params").iterdir()} == {
        record.trial for record in RECORDS if record.status == "ok"
    }
    store.repair_run(output)
    assert [path.name for path in output.parent.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("records", "plan", "changes"),
    [
        ([msgspec.structs.replace(RECORDS[0], wall_seconds=1.0)], PLAN, {}),
        ([], msgspec.structs.replace(PLAN, seed=7), {}),
        ([], PLAN, {"machine": {**MACHINE, "cores": 8}}),
        ([], msgspec.structs.replace(PLAN, run="../a run"), {}),
    ],
    ids=["record", "plan", "environment", "name"],
)
def test_contradiction_is_refused_without_output(parts, tmp_path, records, plan, changes):
    write_part(tmp_path / "w", records, plan, **changes)
    with pytest.raises(UserError, match="Leave one of the runs out"):
        merge.merge_runs([parts[0], tmp_path / "w"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_single_and_missing_runs_are_refused(parts, tmp_path):
    (tmp_path / "comparison").mkdir()
    (tmp_path / "comparison" / "comparison.json").touch()
    for folders in (parts[:1], [*parts, tmp_path / "comparison"], [*parts, tmp_path / "gone"]):
        with pytest.raises(UserError, match=r"single run|holds no run"):
            merge.merge_runs(folders, tmp_path / "out")


def test_output_must_be_empty_and_outside_parts(parts, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    (tmp_path / "link").symlink_to(parts[0])
    for output in (full, full / "x", parts[0], parts[1] / "out", tmp_path / "link" / "out"):
        with pytest.raises(UserError, match=r"already exists|is only read"):
            merge.merge_runs(parts, output)
    (full / "x").unlink()
    merge.merge_runs(parts, full)
    assert len(store.read_records(full)) == len(RECORDS)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failed_merge_leaves_nothing(parts, tmp_path, monkeypatch, error):
    before = contents(tmp_path)
    write_file, count = files.write_file, itertools.count()

    def fail(path, data):
        if next(count) == 4:
            raise error
        return write_file(path, data)

    monkeypatch.setattr(files, "write_file", fail)
    with pytest.raises((UserError, KeyboardInterrupt)):
        merge.merge_runs(parts, tmp_path / "out")
    assert contents(tmp_path) == before


def test_command_merges_or_fails(parts, called):
    assert called("merge", "x", "y", "z", "--output", "out") == (
        0,
        "merged 3 runs with 8 records (2 of them more than once) into out\n",
        "",
    )
    status, out, err = called("merge", "x", "y", "--output", "out")
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_full_disk_names_the_output_and_nothing_hidden(parts, tmp_path, monkeypatch):
    def fail(path, _):
        if path.suffix == ".npy":
            raise OSError(28, "No space left on device")
        return path

    monkeypatch.setattr(files, "write_file", fail)
    with pytest.raises(UserError, match=r"out: No space left .* Free some space$") as refusal:
        merge.merge_runs(parts, tmp_path / "out")
    assert "resume" not in str(refusal.value)
