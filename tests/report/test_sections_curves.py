"""The table of curves has time and accuracy after each epoch, the soonest through first."""

import pytest
from support.records import case, ok, trials

from bench.analysis.startup import find_curves
from bench.report.sections import curves as tables


def test_a_line_has_the_time_and_the_accuracy_after_each_epoch():
    (table,) = tables.tables(find_curves(trials(case("a"), 0.5)), "sgd")
    assert table.title == (
        "Time and accuracy after each epoch, sgd: cpu, batch size 32, 2 threads, 48,000 samples"
    )
    assert table.headings == ("implementation", "objective", "style", "epoch 1", "epoch 2",
                              "epoch 3", "epoch 4", "epoch 5")  # fmt: skip
    assert table.lines == [["a", "softmax", "idiomatic", "5.26 s: 0.1000", "5.51 s: 0.2000",
                            "6.01 s: 0.3000", "6.51 s: 0.4000", "7.01 s: 0.8396"]]  # fmt: skip


def test_the_soonest_through_its_last_epoch_is_first_and_what_is_absent_is_a_dash():
    late, short = ok(case("late"), import_seconds=60.0), ok(case("short"), epoch_seconds=[0.1])
    found = find_curves([late, short, *trials(case("a"), 0.1)])
    (table,) = tables.tables(found, "sgd")
    assert [line[0] for line in table.lines] == ["short", "a", "late"]
    assert table.lines[0][3:] == ["5.26 s: 0.1000", "—", "—", "—", "—"]
    assert [tables.end(curve) for curve in found[-1:]] == [pytest.approx(65.01)]


def test_without_a_curve_there_is_no_table():
    assert tables.tables([], "sgd") == []
