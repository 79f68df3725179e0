"""A run is read once: its first workload, what its tables compare, and whether it failed."""

import pytest
from fixtures_records import bare, case, environment, ok, run, trials, write

from bench.report.loaded import Loaded, load

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
    assert row.least_epoch == pytest.approx(0.150528)
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
