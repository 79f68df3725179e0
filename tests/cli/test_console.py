"""Tables of results fit into the terminal."""

import io
import re

from rich.console import Console
from rich.table import Table
from support.records import case, environment, trials

from bench.analysis.summary import summarize
from bench.analysis.textbook import TextbookRow
from bench.cli.console import (
    Transient,
    describe_faults,
    describe_figures,
    format_comparisons,
    print_progress,
)
from bench.report.sections.comparison import MEASURES

HOST = {"here": environment()}
ABSENT = {"% of roofline", "processes"}  # this run has no roofline, and no lost process


def comparison(*records, width=240):
    console = Console(width=width, file=io.StringIO())
    console.print(*format_comparisons(summarize(records, HOST), width))
    return console.file.getvalue()


def headings(width):
    text = comparison(*trials(case("a-long-name"), 0.5, 0.5), width=width)
    assert "…" not in text
    return re.split(" {2,}", text.splitlines()[1].strip())


def test_narrow_terminal_drops_columns_by_priority():
    previous = headings(240)
    assert [heading.partition(",")[0] for heading in previous] == [
        "program",
        *[measure.heading for measure in MEASURES if measure.heading not in ABSENT],
    ]
    for width in range(240, 33, -3):
        shown = headings(width)
        assert {"program", "epoch, ms"} <= set(shown) <= set(previous)
        previous = shown
    assert previous == ["program", "epoch, ms"]


def test_faults_and_figures_are_a_line_each():
    records = trials(case("bad"), 0.5, status="failed", reason=f"{'word ' * 290}end")
    (line,) = describe_faults(summarize(records, HOST))
    assert line.startswith("bad (sgd, cpu, ")
    assert line.endswith("word end")
    figures = [TextbookRow("textbook-keras", "accuracy", "3.9", 0.8463, 0.01, 0.8495, 1.0, None)]
    (line,) = describe_figures(figures)
    for part in ("textbook-keras", "textbook 0.8463", "here 0.8495", "within 0.01"):
        assert part in line


def test_tables_of_workloads_have_no_markup():
    records = [
        *trials(case("[red]x"), 0.5),
        *trials(case("t", workload="textbook"), 0.5),
        *trials(case("bad"), 0.5, status="failed"),
    ]
    titles = [str(table.title) for table in format_comparisons(summarize(records, HOST), 240)]
    assert titles == ["workload sgd", "workload textbook"]
    text = comparison(*records[:1])
    assert text.startswith("workload sgd")
    assert "[red]x" in text
    assert len(text.splitlines()) == 3


def test_progress_keeps_the_table_below_the_line_that_changes():
    """A table stays until the next one; lines that stay are printed above both."""
    console = Console(width=60, height=20, file=io.StringIO(), force_terminal=True)
    first, second = Table("first"), Table("second")
    lines = [first, Transient("busy"), "stays", second, Transient("busier")]
    frames = []

    def watch():
        for line in lines:
            frames.append(console.file.getvalue())
            console.file.truncate(0)
            yield line
        frames.append(console.file.getvalue())

    print_progress(console, watch())
    shown = [re.findall("first|second|busier|busy|stays", frame) for frame in frames[1:]]
    assert shown[0] == ["first"]
    assert shown[1] == ["busy", "first"]
    assert shown[2][0] == "stays"
    assert shown[3] == ["busy", "second"]
    assert shown[4] == ["busier", "second"]


def test_progress_without_a_terminal_has_only_lines_that_stay():
    console = Console(width=60, file=io.StringIO())
    print_progress(console, [Table(title="table"), Transient("busy"), "stays"])
    assert console.file.getvalue() == "stays\n"
