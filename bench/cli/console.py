"""Print to the user: lines, progress, and tables of runs and of comparisons."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from bench.errors import UserError, clean_text

if TYPE_CHECKING:
    from bench.analysis.summary import Row
    from bench.analysis.textbook import TextbookRow
    from bench.report.load import LoadedRun
    from bench.report.regression.output import ComparisonOutput
    from bench.report.sections import Table

# Without a terminal there is no width to keep to: print every column, and each row in one line,
# because a CI obeys lines that begin with ::error. A shell can close stdout.
_on_terminal = sys.stdout is not None and sys.stdout.isatty()
stdout = Console(width=None if _on_terminal else 2000, highlight=False)
stderr = Console(stderr=True, highlight=False)

WAITING = "another run is measuring on this machine; waiting for it"
NO_CHARTS = "without charts and report.html, which need: pip install 'softmax-bench[report]'"


def print_line(line: str) -> None:
    """Print one line, unwrapped and without markup, because it may quote others' text."""
    stdout.print(clean_text(line), soft_wrap=True, markup=False)


def quote_command() -> str:
    """Return the command that runs, as the records keep it. Raises UserError for bad Unicode."""
    for word in sys.argv[1:]:
        if word != (safe := word.encode(errors="replace").decode()):
            raise UserError(f"{safe!r} is not valid Unicode; rename it")
    return f"python -m bench {shlex.join(sys.argv[1:])}"


class Transient(str):
    """A line of progress that the next one replaces."""

    __slots__ = ()


def print_progress(console: Console, lines: Iterable[str]) -> None:
    """Print lines as they come; a ``Transient`` one is shown on a terminal, until the next.

    Between two lines nothing of this process may disturb what is measured, so the screen stays.
    """
    from rich.live import Live

    with Live(console=console, auto_refresh=False, transient=True) as live:
        for line in lines:
            clean = clean_text(line)  # a worker may have written its reason
            if isinstance(line, Transient):
                live.update(Text(clean), refresh=console.is_terminal)
            else:
                console.print(clean, soft_wrap=True, markup=False)


def hold_host_lock(console: Console = stdout) -> AbstractContextManager[None]:
    """Hold the host's lock in a block; say so before waiting for another run that has it."""
    from bench.runner import lock

    return lock.hold_host_lock(lambda: console.print(WAITING))


def print_measurement(console: Console, lines: Iterable[str]) -> None:
    """Hold the host's lock, and print what is measured meanwhile."""
    with hold_host_lock(console):
        print_progress(console, lines)


def print_report(folder: Path) -> "LoadedRun":
    """Write a run's report, print its tables, and return the run."""
    from bench.report.load import load_run
    from bench.report.sections.runs import list_left_out
    from bench.report.write import can_draw, write_report

    run = load_run(folder)
    report = write_report([run])
    for line in list_left_out(run):
        print_line(f"left out: {line}")
    for table in format_run(run.rows, run.textbook, stdout.width):
        stdout.print("\n", table, sep="")
    if not can_draw():
        stdout.print()
        print_line(NO_CHARTS)
    stdout.print()
    print_line(str(report))
    return run


def print_comparison(comparison: "ComparisonOutput", style: str) -> None:
    """Print a comparison; in the formats for programs print nothing else."""
    from bench.report.regression import output

    if style != "table":
        print(output.format_output(comparison, style), end="" if style == "markdown" else "\n")
        return
    for line in comparison.opening:
        print_line(line)
    for table in comparison.tables:
        if table.lines:
            stdout.print("\n", format_table(table), sep="")
            print_line(table.note)
    for line in comparison.remarks:
        print_line(line)


def format_run(
    rows: "Sequence[Row]", figures: "Sequence[TextbookRow]", width: int
) -> Iterator[RichTable]:
    """Yield the tables of a run that have rows. width: columns of the terminal."""
    from bench.report.sections import Table, comparison

    for workload in comparison.list_workloads(rows):
        if ranked := comparison.select_ranked(rows, workload):
            yield _format_comparison(rows, ranked, width)
    if figures:
        content = comparison.tabulate_textbook(figures)
        yield format_table(replace(content, title="the textbook's figures"))
    if faults := comparison.list_faults(rows):
        words = len(comparison.FAULT_HEADINGS)
        yield format_table(
            Table("failed and unavailable", comparison.FAULT_HEADINGS, faults, words)
        )


def _format_comparison(rows: "Sequence[Row]", ranked: "Sequence[Row]", width: int) -> RichTable:
    """Return the table of a workload with as many columns as fit."""
    from bench.report.sections.comparison import MEASURES, tabulate_comparison

    # A table that is measured within the console's own width is already squeezed into it.
    unlimited = stdout.options.update_width(10_000)
    for count in range(len(MEASURES), 0, -1):
        content = tabulate_comparison(rows, ranked, count)
        content = replace(content, title=f"workload {ranked[0].case.workload}")
        table = format_table(content, no_wrap=True)
        if stdout.measure(table, options=unlimited).maximum <= width:
            break
    return table


def format_table(content: "Table", *, no_wrap: bool = False) -> RichTable:
    """Return the table of a report for the terminal, with its numbers flush right."""
    whole = not _on_terminal
    title = Text(content.title, no_wrap=whole, overflow="ignore" if whole else None)
    table = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(content.headings):
        justify: JustifyMethod = "right" if number in content.numeric else "left"
        table.add_column(Text(heading), justify=justify, no_wrap=no_wrap or whole)
    for cells in content.lines:
        table.add_row(*map(Text, cells))
    return table
