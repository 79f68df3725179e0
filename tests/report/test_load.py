"""A run is read once: its first workload, what its tables compare, and whether it failed."""

import msgspec
import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.report.load import Loaded, apart, load, machine, whole

replace = msgspec.structs.replace

DATA = {"features": 784, "classes": 10}


def loaded(tmp_path, plan, *records):
    return load(write(tmp_path / "run", plan, *records, data=DATA))


def probe(seconds):
    """A probe whose least epoch of 48,000 samples is 1,505,280,000 operations at 1e9 in seconds."""
    return bare(case("ceiling-numpy", workload="ceiling"), kind="ceiling", status="ok",
                product_operations=10**9, product_seconds=[seconds])  # fmt: skip


def test_a_run_is_read_with_its_rows(tmp_path):
    found = loaded(tmp_path, run(case()), *trials(case(), 0.5, 0.5), probe(0.1))
    assert found.environments == {"here": environment(data=DATA)}
    assert len(found.records) == 3
    (row,) = found.rows
    assert (row.case, row.epoch.mean) == (case(), pytest.approx(0.5))
    assert row.roofline_seconds == pytest.approx(0.150528)
    assert found.figures == []


def test_the_workload_is_that_of_the_first_case():
    made = Loaded(run(case(workload="textbook"), case()), [], {}, [], [])
    assert made.workload == "textbook"
    assert Loaded(run(), [], {}, [], []).workload == ""


def test_main_records_are_of_the_cases_that_tables_compare():
    swept, figure = case(batch_size=8), case("figure-keras", workload="figure")
    records = [ok(case()), ok(swept), bare(figure, kind="figure"), probe(1.0)]
    found = Loaded(run(case(), sweep=(swept,)), records, {}, [], [])
    assert found.main_records == records[:1]


@pytest.mark.parametrize(
    ("status", "failed"),
    [("ok", False), ("unavailable", False), ("interrupted", False), ("failed", True),
     ("timeout", True), ("out-of-memory", True)],
)  # fmt: skip
def test_a_run_failed_where_a_trial_of_any_kind_did(tmp_path, status, failed):
    for kind in ("trial", "figure"):
        of = case("figure-keras" if kind == "figure" else "a")
        records = [ok(case()), ok(of, kind=kind, status=status, trial="another")]
        found = loaded(tmp_path / kind, run(case()), *records)
        assert found.failed is failed


def test_a_run_failed_where_a_row_is_faster_than_the_machine(tmp_path):
    assert not loaded(tmp_path / "a", run(case()), probe(0.1), ok(case(), epoch=0.1506)).failed
    assert loaded(tmp_path / "b", run(case()), probe(0.1), ok(case(), epoch=0.1505)).failed


# ----- what is damaged, and what another machine measured


def on_two_machines(tmp_path):
    """Write a run that was begun on one machine, and went on on a slower one for longer."""
    folder = write(tmp_path / "run", run(case("a"), case("b")), ok(case("a"), 1, 0.1),
                   bare(case("b"), 2), data=DATA)  # fmt: skip
    there = environment(id="there", machine={**MACHINE, "id": "other", "name": "Slow"}, data=DATA)
    store.add_environment(folder, there)
    for record in (ok(case("a"), 2, 0.7), ok(case("b"), 1, 0.8), ok(case("b"), 3, 0.8)):
        store.append(folder, replace(record, environment="there"))
    return folder


def test_no_number_is_of_two_machines(tmp_path):
    folder = on_two_machines(tmp_path)
    found = load(folder)
    assert [(row.case.implementation, dict(row.epochs_by_round)) for row in found.rows] == [
        ("a", {2: 0.7}), ("b", {1: 0.8, 3: 0.8}),
    ]  # fmt: skip
    assert set(found.environments) == {"there"}
    assert {record.environment for record in found.records} == {"there"}
    slow, fast = apart(folder)
    assert [dict(row.epochs_by_round) for row in fast.rows] == [{1: 0.1}, {}]
    assert (machine(slow), machine(fast)) == ("Slow", MACHINE["name"])
    assert slow.missing == fast.missing == 0


def test_what_another_machine_measured_is_said(tmp_path):
    found = load(on_two_machines(tmp_path))
    (fault,) = found.faults
    assert fault == (
        f"2 trials were measured on another machine, {MACHINE['name']}; "
        "a report of several runs shows each apart"
    )


def test_what_is_whole_is_loaded_and_the_rest_said(tmp_path):
    folder = write(tmp_path / "run", run(case()), *trials(case(), 0.5, 0.7), data=DATA)
    path = folder / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.6", 1))
    found = load(folder)
    assert dict(found.rows[0].epochs_by_round) == {1: 0.5}
    assert found.missing == 1
    assert list(found.faults) == ["trials.jsonl:2: was changed after it was written"]
    with pytest.raises(UserError, match=r"trials\.jsonl:2: was changed after it was written"):
        whole(folder)


def test_a_whole_run_has_nothing_left_out(tmp_path):
    folder = write(tmp_path / "run", run(case()), *trials(case(), 0.5, 0.7), data=DATA)
    assert list(load(folder).faults) == []
    assert whole(folder) == load(folder)


def test_a_record_whose_environment_is_lost_is_of_no_machine(tmp_path):
    folder = write(tmp_path / "run", run(case()), *trials(case(), 0.5, 0.7), data=DATA)
    store.add_environment(folder, environment(id="there"))
    store.append(folder, ok(case(), 3, environment="there"))
    (folder / "environments" / "there.json").unlink()
    found = load(folder)
    assert dict(found.rows[0].epochs_by_round) == {1: 0.5, 2: 0.7}
    (fault,) = found.faults
    assert fault == "trials.jsonl:3: its environment 'there' is missing or damaged"
