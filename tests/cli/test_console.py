"""Tables of results fit into the terminal."""

import io
import re

import pytest
from rich.console import Console
from support.records import case, environment, trials

from bench.analysis.summary import summarize
from bench.analysis.textbook import TextbookRow
from bench.cli.console import format_run, stdout
from bench.report.sections.comparison import MEASURES

HOST = {"here": environment()}
ABSENT = {"% of roofline", "processes"}  # this run has no roofline, and no lost process


def comparison(*records, width=240):
    console = Console(width=width, file=io.StringIO())
    console.print(*format_run(summarize(records, HOST), (), width))
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


@pytest.mark.parametrize(("words", "whole"), [(290, True), (600, False)])
def test_row_is_one_line_without_a_terminal(words, whole):
    records = trials(case("bad"), 0.5, status="failed", reason=f"{'word ' * words}end")
    text = comparison(*records, width=stdout.width)
    (line,) = [line for line in text.splitlines() if "word" in line]
    assert ("end" in line) == whole


def test_tables_of_workloads_figures_and_faults_have_no_markup():
    records = [
        *trials(case("[red]x"), 0.5),
        *trials(case("t", workload="textbook"), 0.5),
        *trials(case("bad"), 0.5, status="failed"),
    ]
    rows = summarize(records, HOST)
    figures = [TextbookRow("textbook-keras", "accuracy", "3.9", 0.8463, 0.01, 0.8495, 1.0, None)]
    titles = [str(table.title) for table in format_run(rows, figures, 240)]
    assert titles == [
        "workload sgd",
        "workload textbook",
        "the textbook's figures",
        "failed and unavailable",
    ]
    text = comparison(*records[:1])
    assert text.startswith("workload sgd")
    assert "[red]x" in text
    assert len(text.splitlines()) == 3
