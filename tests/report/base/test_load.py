"""A run is loaded for one machine; runs of one report have names that differ."""

import msgspec
import pytest
from support.records import FAST, SLOW, bare, case, environment, ok, probe, trials, write_on

from bench.analysis.ranking import compare_to_fastest
from bench.errors import UserError
from bench.records import store
from bench.records.schema import StoppingRule
from bench.report.base.load import load_by_machine, load_run, load_runs
from bench.report.sections.verdict import describe_apart, describe_missing

replace = msgspec.structs.replace

DATA = {"features": 784, "classes": 10}


def test_run_is_loaded_with_rows_of_its_records(load):
    # The least epoch of 48,000 samples is 1,505,280,000 operations, at 1e10 in a second.
    roofline = probe(product_operations=10**9, product_seconds=[0.1])
    loaded = load(*trials(case(), 0.5, 0.5), roofline, data=DATA)
    assert loaded.environments == {"here": environment(data=DATA)}
    assert (len(loaded.records), loaded.missing_count, list(loaded.textbook)) == (3, 0, [])
    (row,) = loaded.rows
    assert (row.case, row.epoch.mean) == (case(), pytest.approx(0.5))
    assert row.roofline_seconds == pytest.approx(0.150528)


def test_later_trials_of_another_state_of_the_machine_are_in_no_table(load):
    hours = ["2026-11-30T12:00:00+00:00", "2026-11-30T14:00:00+00:00"]
    records = [
        replace(ok(case(name), number, factor * 0.1), started=hour)
        for number, factor, hour in ((1, 1.0, hours[0]), (2, 1.5, hours[1]))
        for name in "abc"
    ]
    loaded = load(*records)
    assert [row.epochs_by_round for row in loaded.rows] == [{1: pytest.approx(0.1)}] * 3
    assert (loaded.apart, loaded.faults, loaded.missing_count) == (3, [], 0)
    assert describe_apart(loaded).startswith("3 later processes are in no table")
    pooled = [replace(record, started=hours[0]) for record in records]
    assert not describe_apart(load(*pooled))


def test_tried_threads_are_apart_from_the_rows(load):
    first, second = (case("a", threads=n) for n in (1, 2))
    records = [*trials(first, 0.2, 0.2), *trials(second, 0.1, 0.1), *trials(case("b"), 0.5, 0.5)]
    loaded = load(*records, cases=(first, case("b")), variants=(second,))
    assert (loaded.plan.cases, loaded.missing_count) == ((second, case("b")), 0)
    assert [row.case for row in loaded.rows] == [second, case("b")]
    assert {row.case.threads for row in loaded.tried if row.ranked} == {1, 2}


@pytest.mark.parametrize("status", ["ok", "unavailable", "interrupted", "failed", "timeout"])
@pytest.mark.parametrize("kind", ["trial", "textbook"])
def test_run_failed_if_a_trial_of_any_kind_failed(load, status, kind):
    of = case("textbook-keras" if kind == "textbook" else "a")
    other = ok(of, kind=kind, status=status, trial="another")
    assert load(ok(case()), other).failed_count == (status in {"failed", "timeout"})


# ----- damage, and other machines


def test_resumed_run_is_split_by_machine(load):
    """It was started on a fast machine and resumed on a slow one, which did most of it."""
    started = ok(case("a"), 1, 0.1), bare(case("b"), 2)
    folder = load(*started, rounds={"sgd": 3}, machine=FAST).folder
    store.add_environment(folder, environment(id="there", machine=SLOW))
    for record in (ok(case("a"), 2, 0.7), ok(case("b"), 1, 0.8), ok(case("b"), 3, 0.8)):
        store.append_record(folder, replace(record, environment="there"))
    loaded = load_run(folder)
    assert [dict(row.epochs_by_round) for row in loaded.rows] == [{2: 0.7}, {1: 0.8, 3: 0.8}]
    assert set(loaded.environments) == {"there"}
    (fault,) = loaded.faults
    assert fault.startswith("2 trials were measured on another machine, 4-core Fast CPU;")
    slow, fast = load_by_machine(folder)
    assert [dict(row.epochs_by_round) for row in fast.rows] == [{1: 0.1}, {}]
    assert (slow.machine_name, fast.machine_name) == ("2-core Slow CPU", "4-core Fast CPU")
    assert slow.missing_count == fast.missing_count == 1


def test_run_needs_no_round_that_only_narrows_its_intervals(load):
    records = [*trials(case("a"), 0.5, 0.5), *trials(case("a", workload="textbook"), 0.5)]
    plan = {"rounds": {"sgd": 4, "textbook": 3}, "cases": (records[0].case, records[2].case)}
    rule = {"stopping": StoppingRule(least_rounds=2, precision=0.05), "budget": 60.0}
    assert describe_missing(load(*records, **plan, **rule)).startswith(
        "Not measured: second processes and third processes of the leaders, about 24 s more "
    )
    counts = [load(*records[:n], **plan, **rule).missing_count for n in (1, 2, 3)]
    assert counts == [1, 1, 0]  # a process of each row
    assert load(*records, **plan).missing_count == 4  # by --rounds


def test_damaged_record_is_left_out_with_its_reason(load):
    folder = load(*trials(case(), 0.5, 0.7)).folder
    path = folder / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.6", 1))
    loaded = load_run(folder)
    assert dict(loaded.rows[0].epochs_by_round) == {1: 0.5}
    assert (loaded.missing_count, len(loaded.faults)) == (1, 1)


# ----- several runs


def test_runs_of_one_machine_are_named_by_folder_and_not_compared(tmp_path):
    folders = [
        write_on(tmp_path / name, SLOW, *trials(case("a"), epoch, epoch))
        for name, epoch in (("x", 0.1), ("y", 0.2))
    ]
    runs = load_runs(folders)
    assert [loaded.name for loaded in runs] == ["2-core Slow CPU (x)", "2-core Slow CPU (y)"]
    rows = [row for loaded in runs for row in loaded.rows]
    assert [ratio.mean for ratio, _ in compare_to_fastest(rows).values()] == [1, 1]


def test_runs_with_other_variables_are_named_by_them(tmp_path):
    folders = [
        write_on(tmp_path / name, SLOW, *trials(case("a", env=env), 0.1))
        for name, env in (("x", {}), ("y", {"A": "1 2"}))
    ]
    names = [loaded.name for loaded in load_runs(folders)]
    assert names == ["2-core Slow CPU", "2-core Slow CPU, 'A=1 2'"]


def test_run_named_twice_is_refused(tmp_path):
    folder = write_on(tmp_path / "x", FAST, *trials(case("a"), 0.1))
    with pytest.raises(UserError, match="Name it once"):
        load_runs([folder, tmp_path / "x" / ".." / "x"])
