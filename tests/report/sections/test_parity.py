"""Parity errors have the margin to the tolerance, also of rows that failed."""

import pytest
from support.records import HERE, case, run, trials, write

from bench.analysis.summary import summarize
from bench.records.schema import Parity
from bench.report.base.load import load_run
from bench.report.sections.parity import describe_epochs, describe_parity, tabulate_parity


def with_error(error, of, *epochs, tolerance=1e-5, **changes):
    parity = Parity(error, tolerance, passed=error <= tolerance)
    return trials(of, *(epochs or (0.5,)), parity=parity, **changes)


def tabulate(*records):
    (table,) = tabulate_parity(summarize(records, HERE), "sgd")
    return table.lines


def test_line_has_errors_at_first_and_any_size_with_margin():
    a = with_error(2e-6, case("a"), 0.5, 0.5) + with_error(4e-6, case("a", batch_size=8))
    b = with_error(1e-6, case("b", objective="one-vs-rest", device="gpu"))
    elsewhere = with_error(6e-6, case("c", batch_size=8))
    assert tabulate(*a, *b, *elsewhere) == [
        ["b (one-vs-rest) (gpu)", "1.0", "1.0", "1", "10"],
        ["a", "2.0", "4.0", "2", "2.5"],
        ["c", "—", "6.0", "1", "1.7"],
    ]


@pytest.mark.parametrize(
    ("error", "margin"),
    [(0.0, "no error"), (1e-5, "1.0"), (2e-4, "fails"), (float("nan"), "fails")],
)
def test_margin_at_the_limits(error, margin):
    ((*_, cell),) = tabulate(*with_error(error, case("a")))
    assert cell == margin


def test_test_accuracies_are_the_same_or_have_a_range(tmp_path):
    other = [0.1, 0.2, 0.3, 0.4, 0.83]
    cases = [case("a"), case("b"), case("c", workload="textbook"), case("d", workload="textbook")]
    records = [
        *with_error(1e-6, cases[0]),
        *with_error(1e-6, cases[1]),
        *with_error(1e-6, cases[2]),
        *with_error(1e-6, cases[3], test_accuracy=other),
    ]
    section = describe_parity(load_run(write(tmp_path / "run", run(*cases), *records)))
    same, different, _ = section.remarks
    assert same.startswith("Workload sgd: ")
    assert same.endswith("all 2 softmax programs have the same test accuracy, 0.8321.")
    assert different.endswith("softmax programs have test accuracies between 0.8300 and 0.8321.")


def test_other_orders_explain_other_accuracies(tmp_path):
    cases = [case(f"t{n}", threads=n) for n in (1, 2)]
    records = [
        *with_error(1e-6, cases[0], test_accuracy=[0.8] * 5),
        *with_error(1e-6, cases[1], test_accuracy=[0.81] * 5),
    ]
    why, _ = describe_parity(load_run(write(tmp_path / "run", run(*cases), *records))).remarks
    assert why.endswith(
        "0.8100: with another number of threads they had other orders of the images."
    )


def test_remark_has_the_accuracies_after_each_epoch():
    rest = trials(case("c", objective="one-vs-rest"), 0.1)
    records = [
        *trials(case("a"), 0.1, validation_accuracy=[0.5, 0.6, 0.6, 0.6, 0.6]),
        *trials(case("b"), 0.1, validation_accuracy=[0.7, 0.8, 0.8, 0.8, 0.8]),
    ]
    assert describe_epochs(summarize([*records, *rest], HERE)).endswith(
        "1 seed, and in brackets the least and the largest: 0.6000 [0.5000, 0.7000], "
        + ", ".join(["0.7000 [0.6000, 0.8000]"] * 4)
        + "."
    )
    assert describe_epochs(summarize(rest, HERE)) == ""
