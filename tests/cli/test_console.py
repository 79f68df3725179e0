"""Tables of results fit into the terminal."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from support.records import HERE, case, run, trials, write

import bench
from bench.analysis.summary import summarize
from bench.analysis.textbook import TextbookRow
from bench.cli import console as bench_console
from bench.cli.live import Screen
from bench.cli.results import (
    format_comparisons,
    list_fault_lines,
    list_figure_lines,
    print_report,
)
from bench.report import write as report_writer
from bench.report.base.load import load_run
from bench.runner.events import Transient


def list_wide_rows():
    """Return rows with everything that a table can show, and long names and numbers."""
    fused = case("keras-tensorflow-fused", threads=1)
    rest = case("sklearn-sgd", objective="one-vs-rest", threads=2)
    on_gpu = case("keras-tensorflow-fused", device="gpu", style="idiomatic")
    records = [
        *trials(fused, 1.85, 1.47, 4.77),
        *trials(rest, 1.85, 1.47, 2.77),
        *trials(on_gpu, 1.85, 1.47, 2.77),
    ]
    return summarize(records, HERE)


def list_published_rows():
    reference = Path(bench.__file__).parents[1] / "results" / "reference"
    return load_run(reference / "amd-epyc-zen5-2-cores").rows


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("list_rows", [list_wide_rows, list_published_rows])
def test_no_table_is_wider_than_the_terminal(list_rows, width):
    console = Console(width=width, file=io.StringIO())
    console.print(*format_comparisons(list_rows(), width))
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_table_of_100_columns_has_those_of_the_last_sentences():
    table, *_ = format_comparisons(list_published_rows(), 100)
    headings = {str(one.header).replace("\n", " ").partition(",")[0] for one in table.columns}
    assert headings >= {"program", "epoch", "× fastest", "five epochs from a cold start"}


def test_table_loses_parity_then_processes_then_brackets_and_never_the_ratio():
    rows, shown = list_wide_rows()[:2], []
    for width in range(160, 60, -1):
        (table,) = format_comparisons(rows, width)
        headings = " ".join(str(column.header).replace("\n", " ") for column in table.columns)
        cells = [str(cell) for column in table.columns for cell in column.cells]
        assert "fastest" in headings
        ratio = next(c for c in table.columns if "fastest" in str(c.header).replace("\n", " "))
        bounded = any("[" in str(cell) for cell in ratio.cells)
        shown.append(("parity" in headings, "processes" in headings, bounded or "[" in cells))
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize(("drawn", "page"), [(False, "report.md"), (True, "report.html")])
def test_report_ends_with_answers_and_a_link(tmp_path, monkeypatch, drawn, page):
    terminal = Console(width=100, file=io.StringIO(), force_terminal=True, highlight=False)
    monkeypatch.setattr(bench_console, "stdout", terminal)
    monkeypatch.setattr(bench_console, "on_terminal", True)
    records = [*trials(case("a"), 0.5, 0.51), *trials(case("b"), 1.0, 1.01)]
    folder = write(tmp_path / "a run", run(case("a"), case("b")), *records)
    monkeypatch.setattr(report_writer, "can_draw", lambda: drawn)
    monkeypatch.setattr(
        report_writer, "write_report", lambda runs, **_: runs[0].folder / "report.md"
    )
    print_report(folder)
    *_, table, ending = terminal.file.getvalue().split("\n\n")
    assert "program" in table
    first, second, *rest, last = ending.splitlines()
    assert first.startswith("Five epochs from a cold start: a, ")
    assert second.startswith("Many epochs: a, ")
    text = " ".join(rest)
    assert "All 2 softmax programs end with" in text
    assert any(line.startswith("without charts") for line in rest) == (not drawn)
    address = (folder / page).resolve().as_uri()
    assert re.fullmatch(rf"\x1b\]8;id=\d+;{re.escape(address)}\x1b\\.*{page}.*", last)


def test_faults_and_figures_are_a_line_each():
    records = trials(case("bad"), 0.5, status="failed", reason=f"{'word ' * 290}end")
    (line,) = list_fault_lines(summarize(records, HERE))
    assert line.startswith("bad (sgd, cpu, ")
    assert line.endswith("word end")
    figures = [TextbookRow("textbook-keras", "accuracy", "3.9", 0.8463, 0.01, 0.8495, 1.0, None)]
    (line,) = list_figure_lines(figures)
    for part in ("textbook-keras", "textbook 0.8463", "here 0.8495", "within 0.01"):
        assert part in line


def test_tables_of_workloads_have_no_markup():
    records = [
        *trials(case("[red]x"), 0.5),
        *trials(case("t", workload="textbook"), 0.5),
        *trials(case("bad"), 0.5, status="failed"),
    ]
    titles = [str(table.title) for table in format_comparisons(summarize(records, HERE), 240)]
    assert [title.partition(",")[0] for title in titles] == ["workload sgd", "workload textbook"]
    console = Console(width=240, file=io.StringIO())
    console.print(*format_comparisons(summarize(records[:1], HERE), 240))
    text = console.file.getvalue()
    assert text.startswith("workload sgd")
    assert "[red]x" in text
    assert len(text.splitlines()) == 3


def test_line_is_printed_as_it_is_and_is_no_command_of_a_ci(capsys):
    for line in ("file.py:100: no [red]a:b:c", " ::error::x", "::error::x/report.md"):
        bench_console.print_line(line)
    out = capsys.readouterr().out.splitlines()
    assert out == ["file.py:100: no [red]a:b:c", "?error::x", "?error::x/report.md"]


def test_progress_keeps_the_table_below_the_line_that_changes():
    """A table stays until the next one; lines that stay are printed above both."""
    console = Console(width=60, height=20, file=io.StringIO(), force_terminal=True)
    first, second = Table("first"), Table("second")
    lines = [first, Transient("busy"), "stays", second, Transient("busier")]
    shown = []
    with Screen(console) as screen:
        for line in lines:
            console.file.truncate(0)
            screen.show(line)
            shown.append(re.findall("first|second|busier|busy|stays", console.file.getvalue()))
    assert shown[0] == ["first"]
    assert shown[1] == ["busy", "first"]
    assert shown[2][0] == "stays"
    assert shown[3] == ["busy", "second"]
    assert shown[4] == ["busier", "second"]


def test_progress_without_a_terminal_has_tables_and_lines_that_stay():
    console = Console(width=60, file=io.StringIO())
    with Screen(console) as screen:
        for line in (Table("first"), Transient("busy"), "stays"):
            screen.show(line)
    assert re.findall("first|busy|stays", console.file.getvalue()) == ["first", "stays"]
