"""Parity errors are shown with the room that the tolerance leaves, of wrong rows too."""

import pytest
from support.records import case, environment, ok, trials

from bench.analysis import summary
from bench.records.schema import Parity
from bench.report.sections import parity

HERE = {"here": environment()}


def erring(error, of, *epochs, tolerance=1e-5, **changes):
    found = Parity(error, tolerance, passed=error <= tolerance)
    return trials(of, *(epochs or (0.5,)), parity=found, **changes)


def lines(*records, workload="sgd"):
    tables = parity.tables(summary.summarize(records, HERE), workload, 1e-5)
    return [line for table in tables for line in table.lines]


def test_a_line_has_the_error_here_and_at_any_size_and_what_is_left():
    a = erring(2e-6, case("a"), 0.5, 0.5) + erring(4e-6, case("a", batch_size=8))
    b = erring(1e-6, case("b", objective="one-vs-rest", device="gpu"))
    assert lines(*a, *b) == [
        ["b (one-vs-rest)", "gpu", "1.0e-06", "1.0e-06", "1", "10 times"],
        ["a", "cpu", "2.0e-06", "4.0e-06", "2", "2.5 times"],
    ]


def test_what_is_above_the_tolerance_fails_and_what_is_exact_has_all_the_room():
    wrong = erring(2e-4, case("wrong"), status="failed")
    found = lines(*wrong, *erring(0.0, case("exact")), *erring(1e-5, case("just")))
    assert [(line[0], line[-1]) for line in found] == [
        ("exact", "all"), ("just", "1.0 times"), ("wrong", "none: it fails"),
    ]  # fmt: skip


def test_only_the_workload_and_what_was_judged_is_shown():
    other = erring(1e-6, case("other", workload="textbook"))
    untold = trials(case("untold"), 0.5, parity=None)
    assert lines(*other, *untold) == []
    assert [line[0] for line in lines(*other, *untold, workload="textbook")] == ["other"]


def test_what_was_measured_only_at_another_size_has_no_error_here():
    elsewhere = erring(1e-6, case("b", batch_size=8))
    assert lines(*erring(1e-6, case("a")), *elsewhere)[1][2:5] == ["—", "1.0e-06", "1"]


def test_the_tolerances_are_those_of_the_records():
    records = [*erring(1e-6, case()), *erring(1e-6, case(), tolerance=2e-5),
               ok(case(), parity=None)]  # fmt: skip
    assert parity.tolerances(records) == pytest.approx([1e-5, 2e-5])
    assert parity.tolerances([]) == []
