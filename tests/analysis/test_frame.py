"""``bench.load`` returns a row for each trial, with the columns that the page describes."""

import csv
from pathlib import Path

import pytest
from support.commands import command_plan, failure, process, write_pairs
from support.comparisons import comparison, two
from support.records import bare, case, environment, ok, probe, run, write

import bench
from bench.errors import UserError
from bench.records import store

ROOT = Path(bench.__file__).parents[1]


@pytest.fixture
def folder(tmp_path):
    records = [
        ok(case(), 1, epoch_seconds=[3.0, 1.0, 2.0], training_loss=[0.6, 0.5, 0.4]),
        probe("numpy", 1, trial="r1-probe"),
        bare(case("jax"), 2, reason="it does not import"),
    ]
    return write(tmp_path / "run", run(case()), *records)


def test_trials_are_rows_with_raw_values(folder):
    frame = bench.load(str(folder))
    assert list(frame["implementation"]) == ["pytorch", "jax"]
    first, second = frame.to_dict("records")
    assert (first["status"], second["status"]) == ("ok", "failed")
    assert second["reason"] == "it does not import"
    assert (first["epoch_seconds"], first["median_epoch_seconds"]) == ([3.0, 1.0, 2.0], 2.0)
    assert first["training_loss"] == [0.6, 0.5, 0.4]
    assert first["parity_error"] == 1.5e-6
    assert first["machine"] == environment().machine["name"]
    assert first["started"].isoformat() == "2025-01-02T03:04:05.678000+00:00"
    assert frame["parity_error"].isna().tolist() == [False, True]


def test_trials_with_threads_that_were_not_chosen_are_pilots(tmp_path):
    single, both = (case(threads=threads) for threads in (1, 2))
    planned = run(single, variants=(both,))
    records = [ok(both, 1, 0.5), ok(single, 1, 1.0), ok(both, 2, 0.5)]
    frame = bench.load(write(tmp_path / "run", planned, *records))
    assert frame["threads"].tolist() == [2, 1, 2]
    assert frame["pilot"].tolist() == [False, True, False]


def test_values_of_a_gate_are_rows(tmp_path):
    both = process("base", 1, values={"a": 2.0, "status": 3.0})
    frame = bench.load(
        write_pairs(tmp_path / "gate", command_plan(), both, failure("candidate", 1))
    )
    rows = frame[["side", "pair", "name", "value", "status"]].astype(object).fillna("").to_numpy()
    assert rows.tolist() == [
        ["base", 1, "a", 2.0, "ok"],
        ["base", 1, "status", 3.0, "ok"],
        ["candidate", 1, "", "", "failed"],
    ]
    assert frame["started"].dt.year.tolist() == [2025] * 3


def test_trials_of_a_comparison_have_side_and_pair(tmp_path):
    frame = bench.load(write_pairs(tmp_path / "ab", comparison(), *two(1, 0.5, 0.6)))
    assert frame["side"].tolist() == ["base", "candidate"]
    assert frame["pair"].tolist() == [1, 1]
    assert not {"version", "round", "pilot"} & {*frame.columns}


def test_run_without_trials_has_all_columns(tmp_path):
    folder = write(tmp_path / "run", run(case()))
    store.repair_run(folder)
    frame = bench.load(folder)
    assert len(frame) == 0
    assert "epoch_seconds" in frame.columns


def test_page_describes_every_column(folder):
    with (ROOT / "docs" / "columns.csv").open(encoding="utf-8", newline="") as stream:
        described = [name for row in csv.DictReader(stream) for name in row["column"].split(", ")]
    assert sorted(described) == sorted(bench.load(folder).columns)


def test_folder_without_a_run_is_an_error_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"holds no run.*Name the folder of a run$"):
        bench.load(tmp_path)


def test_damaged_record_is_an_error_in_one_line(folder):
    with (folder / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match=r"trials\.jsonl:4.*--resume$"):
        bench.load(folder)
