"""Rows are named with what differs between them, and each reason of a failure has one line."""

import pytest
from support.records import HERE, bare, case, ok

from bench.analysis.summary import summarize
from bench.report.base.labels import list_faults, name_case, tabulate_programs
from bench.report.base.tables import list_counts
from bench.report.sections.costs.workload import tabulate_comparison


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (case("sklearn-softmax"), "sklearn-softmax (a trick)"),
        (case("numpy"), "numpy"),
        (case("a", objective="one-vs-rest"), "a (one-vs-rest)"),
    ],
)
def test_remark_of_a_maintainer_stands_beside_the_name(of, name):
    assert name_case(of) == name


def test_unavailable_at_several_sizes_is_one_line():
    absent = {"status": "unavailable", "reason": "no GPU"}
    sizes = [case("a", device="gpu", batch_size=size) for size in (8, 32)]
    records = [
        *(bare(of, number, **absent) for of in sizes for number in (1, 2)),
        bare(case("a", device="gpu", batch_size=128), status="unavailable", reason="another"),
        bare(case("a", batch_size=8), **absent),
        *(bare(case("b", batch_size=size), reason="wrong") for size in (8, 32)),
    ]
    rest = "2 threads, 48,000 samples"
    assert sorted([*line.values()][1:] for line in list_faults(summarize(records, HERE))) == [
        ["a", f"cpu, batch size 8, {rest}", "unavailable", "1 of 1", "no GPU"],
        ["a", "gpu, 2 sizes", "unavailable", "4 of 4", "no GPU"],
        ["a", f"gpu, batch size 128, {rest}", "unavailable", "1 of 1", "another"],
        ["b", f"cpu, batch size 32, {rest}", "failed", "1 of 1", "wrong"],
        ["b", f"cpu, batch size 8, {rest}", "failed", "1 of 1", "wrong"],
    ]


def test_rows_name_their_threads_where_these_differ():
    rows = summarize([ok(case("a", threads=1), epoch=0.1), ok(case("b"), epoch=0.2)], HERE)
    table = tabulate_comparison(rows, rows)
    threads = table.headings.index("threads")
    assert [line[threads] for line in table.lines] == ["1", "2"]
    table = tabulate_programs("t", [list_counts("n", [5, 6])], "", rows)
    assert table.headings == ("program", "n", "style", "threads")
    assert table.title.endswith("batch size 32, 1 or 2 threads, 48,000 samples")
    assert "threads" not in tabulate_comparison(rows[:1], rows[:1]).headings
    fixed = tabulate_programs("t", [list_counts("n", [5])], "", rows[:1])
    assert fixed.headings == ("program", "n", "style")
    # Of a GPU it is not asked how many threads its process has.
    on_gpu = summarize([ok(case("a")), ok(case("b", device="gpu", threads=1))], HERE)
    assert "threads" not in tabulate_comparison(on_gpu, on_gpu).headings
