"""Parity errors have the margin to the tolerance, also of rows that failed."""

import pytest
from support.records import HERE, case, numbers_in, trials

from bench.analysis.summary import summarize
from bench.records.schema import Parity
from bench.report.sections.parity import describe_epochs, describe_parity, tabulate_parity

FILE = "idiomatic/softmax_pytorch.py"


def with_error(error, of, *epochs, tolerance=1e-5, **changes):
    parity = Parity(error, tolerance, passed=error <= tolerance)
    return trials(of, *(epochs or (0.5,)), parity=parity, **changes)


def tabulate(*records):
    (table,) = tabulate_parity(summarize(records, HERE), "sgd", "0.1.0 abc1234")
    return table.lines


def test_line_has_errors_at_first_and_any_size_with_margin():
    a = with_error(2e-6, case("a"), 0.5, 0.5) + with_error(4e-6, case("a", batch_size=8))
    b = with_error(1e-6, case("b", objective="one-vs-rest", device="gpu"))
    elsewhere = with_error(6e-6, case("c", batch_size=8))
    assert tabulate(*a, *b, *elsewhere) == [
        ["b (one-vs-rest) (gpu)", "1.0", "1.0", "1", "10", FILE],
        ["a", "2.0", "4.0", "2", "2.5", FILE],
        ["c", "—", "6.0", "1", "1.7", FILE],
    ]


def test_program_has_its_file_at_the_version_that_was_measured(load):
    own = case("mine", module="mine", file="mine.py", style="own")
    records = [*trials(case("a"), 0.5), *trials(own, 1.0)]
    suite = {"version": "0.1.0", "commit": "ab*1234"}
    (table,) = describe_parity(load(*records, suite=suite)).tables
    assert [line[-1] for line in table.lines] == [FILE, ""]
    assert r"0.1.0 ab\*1234" in table.note
    assert "file" not in describe_parity(load(*trials(own, 1.0))).tables[0].headings


@pytest.mark.parametrize(
    ("error", "margin"),
    [(0.0, "no error"), (1e-5, "1.0"), (2e-4, "fails"), (float("nan"), "fails")],
)
def test_margin_at_the_limits(error, margin):
    ((*_, cell, _),) = tabulate(*with_error(error, case("a")))
    assert cell == margin


def test_test_accuracies_are_the_same_or_have_a_range(load):
    records = [
        *with_error(1e-6, case("a")),
        *with_error(1e-6, case("b")),
        *with_error(1e-6, case("c", workload="textbook")),
        *with_error(1e-6, case("d", workload="textbook"), test_accuracy=[0.1, 0.2, 0.3, 0.4, 0.83]),
    ]
    same, different, _ = describe_parity(load(*records)).remarks
    assert same.startswith("Workload sgd: ")
    assert "the same test accuracy" in same
    assert [numbers_in(remark)[1:] for remark in (same, different)] == [
        [2, 0.8321],
        [2, 0.83, 0.8321],
    ]


def test_remark_has_the_accuracies_after_each_epoch():
    rest = trials(case("c", objective="one-vs-rest"), 0.1)
    records = [
        *trials(case("a"), 0.1, validation_accuracy=[0.5, 0.6, 0.6, 0.6, 0.6]),
        *trials(case("b"), 0.1, validation_accuracy=[0.7, 0.8, 0.8, 0.8, 0.8]),
    ]
    remark = describe_epochs(summarize([*records, *rest], HERE))
    assert numbers_in(remark) == [1, 5, 1, 0.6, 0.5, 0.7, *[0.7, 0.6, 0.8] * 4]
    assert describe_epochs(summarize(rest, HERE)) == ""
