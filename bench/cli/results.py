"""Print the results of a run."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table as RichTable

from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.cli import console
from bench.cli.console import PIPED_WIDTH, format_table, print_line
from bench.errors import suggest_install
from bench.records.schema import format_env
from bench.report import write
from bench.report.labels import list_faults, list_workloads, select_ranked
from bench.report.load import LoadedRun, load_run
from bench.report.parts import Table
from bench.report.render.numbers import format_share
from bench.report.sections.costs.comparison import SPEED, tabulate_comparison
from bench.report.sections.setting.runs import list_left_out
from bench.report.sections.verdict import (
    describe_agreement,
    list_warnings,
    write_cold_start,
    write_headline,
)

NO_CHARTS = f"without charts and report.html, which need: {suggest_install('report')}"


def print_report(folder: Path) -> LoadedRun:
    """Write a run's report, print its tables and its finding, and return the run."""
    run = load_run(folder)
    report = write.write_report([run])
    for line in list_left_out(run):
        print_line(f"left out: {line}")
    width = console.stdout.width if console.on_terminal else PIPED_WIDTH
    for table in format_comparisons(run.rows, width):
        console.stdout.print("\n", table, sep="")
    _, agreement = describe_agreement(run)
    lines = [agreement, *describe_figures(run.textbook), *describe_faults(run.rows)]
    console.stdout.print()
    for line in filter(None, lines):
        print_line(line)
    console.stdout.print()
    ranked = select_ranked(run.rows, run.workload)
    finding = write_cold_start(ranked), write_headline(ranked)
    for sentence in (*list_warnings(run), *filter(None, finding)):
        print_line(sentence)
    print_page(report)
    return run


def print_page(report: Path) -> None:
    """Print the path of a report's page, or of its report.md where it has no page, as a link."""
    if write.can_draw():
        report = report.with_suffix(".html")
    else:
        print_line(NO_CHARTS)
    address = report.resolve().as_uri()
    print_line(str(report), style=f"link {address}")


def describe_figures(figures: Iterable[TextbookRow]) -> Iterator[str]:
    """Yield a line for each figure of the textbook, with ours beside it."""
    for row in figures:
        published, measured = format_share(row.published), format_share(row.measured)
        quantity = row.quantity.replace("_", " ")
        yield f"{row.name}, {quantity}: textbook {published}, here {measured}, {row.verdict}"


def describe_faults(rows: Sequence[Row]) -> Iterator[str]:
    """Return a line for each case and reason that it failed or was not measured."""
    text = "{program} ({workload}, {problem}): {status}, {trials} trials: {reason}"
    return (text.format_map(line) for line in list_faults(rows))


def format_comparisons(rows: Sequence[Row], width: int) -> Iterator[RichTable]:
    """Yield the ranking of each workload, no wider than the columns of the terminal."""
    for workload in list_workloads(rows):
        if ranked := select_ranked(rows, workload):
            yield _format_comparison(rows, ranked, width)


def _format_comparison(rows: Sequence[Row], ranked: Sequence[Row], width: int) -> RichTable:
    """Return the table of a workload with as many columns as fit."""
    # A table that is measured within the console's own width is already squeezed into it.
    unlimited = console.stdout.options.update_width(10_000)
    for priority in range(SPEED.priority, 0, -1):  # that of the first column to go
        content = tabulate_comparison(rows, ranked, priority)
        case = ranked[0].case
        env = f" with {format_env(case.env)}" if case.env else ""
        content = replace(content, title=f"workload {case.workload}{env}")
        for headings in (content.headings, wrap_headings(content)):
            table = format_table(replace(content, headings=headings), no_wrap=True)
            if console.stdout.measure(table, options=unlimited).maximum <= width:
                return table
    return table


def wrap_headings(content: Table) -> tuple[str, ...]:
    """Return the headings in about three lines each, or fewer where the cells are wider."""
    wrapped = []
    for number, heading in enumerate(content.headings):
        words = (*heading.split(), *(cells[number] for cells in content.lines))
        wrapped.append(textwrap.fill(heading, max(-(-len(heading) // 3), *map(len, words))))
    return tuple(wrapped)
