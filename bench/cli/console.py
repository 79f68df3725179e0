"""Print to the user: lines, progress, and tables of runs and of comparisons."""

import shlex
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from bench.errors import UserError, clean_text

if TYPE_CHECKING:
    from bench.analysis.summary import Row
    from bench.analysis.textbook import TextbookRow
    from bench.report.load import LoadedRun
    from bench.report.parts import Table
    from bench.report.regression.output import ComparisonOutput

# Without a terminal each row of a table stays in one line, because a CI obeys lines that begin with
# ::error. Results of a run have as many columns as fit into PIPED_WIDTH. A shell can close stdout.
PIPED_WIDTH = 100
_on_terminal = sys.stdout is not None and sys.stdout.isatty()
stdout = Console(width=None if _on_terminal else 2000, highlight=False)
stderr = Console(stderr=True, highlight=False)

INDEXES = ("--index-url", "--extra-index-url")
NO_CHARTS = (
    "without charts and report.html, which need: pip install -e '.[report]' in the suite's folder"
)


def print_line(line: str) -> None:
    """Print one line, unwrapped and without markup, because it may quote others' text."""
    stdout.print(clean_text(line), soft_wrap=True, markup=False)


def quote_command() -> str:
    """Return the command that runs, as the records keep it. Raises UserError for bad Unicode.

    An index of packages may be private, and its address may hold a password.
    """
    words = []
    for before, word in pairwise(sys.argv):
        if word != (safe := word.encode(errors="replace").decode()):
            raise UserError(f"{safe!r} is not valid Unicode. Rename it")
        name, equals, _ = word.partition("=")
        hidden = f"{name}=<hidden>" if equals and name in INDEXES else word
        words.append("<hidden>" if before in INDEXES else hidden)
    # A wheel has no other program.
    program = "softmax-bench" if Path(sys.argv[0]).name == "softmax-bench" else "python -m bench"
    return f"{program} {shlex.join(words)}"


class Transient(str):
    """A line of progress that the next one replaces."""

    __slots__ = ()


def print_progress(console: Console, lines: Iterable[str | RichTable]) -> None:
    """Print lines as they come; on a terminal a table and a ``Transient`` line until the next.

    Between two lines nothing of this process may disturb what is measured, so the screen stays.
    """
    from rich.live import Live

    status, tables = Text(), []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for line in lines:
            if isinstance(line, RichTable):
                tables = [line]
            elif isinstance(line, Transient):
                status = Text(clean_text(line))
            else:  # a worker may have written its reason
                console.print(clean_text(line), soft_wrap=True, markup=False)
                continue
            # The status first: a low terminal does not show the end of a long table.
            live.update(Group(status, *tables), refresh=True)


def hold_host_lock(console: Console = stdout) -> AbstractContextManager[None]:
    """Hold the host's lock in a block; say so before waiting for another run that has it."""
    from bench.runner import lock

    return lock.hold_host_lock(lambda line: console.print(line, soft_wrap=True, markup=False))


def print_measurement(console: Console, lines: Iterable[str | RichTable]) -> None:
    """Hold the host's lock, and print what is measured meanwhile."""
    with hold_host_lock(console):
        print_progress(console, lines)


def print_report(folder: Path) -> "LoadedRun":
    """Write a run's report, print its tables and its finding, and return the run."""
    from bench.report.labels import select_ranked
    from bench.report.load import load_run
    from bench.report.sections.setting.runs import list_left_out
    from bench.report.sections.verdict import describe_agreement, list_warnings, write_finding
    from bench.report.write import write_report

    run = load_run(folder)
    report = write_report([run])
    for line in list_left_out(run):
        print_line(f"left out: {line}")
    for table in format_comparisons(run.rows, stdout.width if _on_terminal else PIPED_WIDTH):
        stdout.print("\n", table, sep="")
    _, agreement = describe_agreement(run)
    lines = [agreement, *describe_figures(run.textbook), *describe_faults(run.rows)]
    stdout.print()
    for line in filter(None, lines):
        print_line(line)
    stdout.print()
    for sentence in (*list_warnings(run), *write_finding(select_ranked(run.rows, run.workload))):
        print_line(sentence)
    print_page(report)
    return run


def print_page(report: Path) -> None:
    """Print the path of a report's page, or of its report.md where it has no page, as a link."""
    from bench.report.write import can_draw

    if can_draw():
        report = report.with_suffix(".html")
    else:
        print_line(NO_CHARTS)
    address = report.resolve().as_uri()
    stdout.print(Text(clean_text(str(report)), style=f"link {address}"), soft_wrap=True)


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


def describe_figures(figures: "Iterable[TextbookRow]") -> Iterator[str]:
    """Yield a line for each figure of the textbook, with ours beside it."""
    from bench.report.render.numbers import format_share

    for row in figures:
        published, measured = format_share(row.published), format_share(row.measured)
        quantity = row.quantity.replace("_", " ")
        yield f"{row.name}, {quantity}: textbook {published}, here {measured}, {row.verdict}"


def describe_faults(rows: "Sequence[Row]") -> Iterator[str]:
    """Return a line for each case and reason that it failed or was not measured."""
    from bench.report.labels import list_faults

    text = "{program} ({workload}, {problem}): {status}, {trials} trials: {reason}"
    return (text.format_map(line) for line in list_faults(rows))


def format_comparisons(rows: "Sequence[Row]", width: int) -> Iterator[RichTable]:
    """Yield the ranking of each workload, no wider than the columns of the terminal."""
    from bench.report.labels import list_workloads, select_ranked

    for workload in list_workloads(rows):
        if ranked := select_ranked(rows, workload):
            yield _format_comparison(rows, ranked, width)


def _format_comparison(rows: "Sequence[Row]", ranked: "Sequence[Row]", width: int) -> RichTable:
    """Return the table of a workload with as many columns as fit."""
    from bench.records.schema import format_env
    from bench.report.sections.costs.comparison import SPEED, tabulate_comparison

    # A table that is measured within the console's own width is already squeezed into it.
    unlimited = stdout.options.update_width(10_000)
    for priority in range(SPEED.priority, 0, -1):  # that of the first column to go
        content = tabulate_comparison(rows, ranked, priority)
        case = ranked[0].case
        env = f" with {format_env(case.env)}" if case.env else ""
        content = replace(content, title=f"workload {case.workload}{env}")
        for headings in (content.headings, wrap_headings(content)):
            table = format_table(replace(content, headings=headings), no_wrap=True)
            if stdout.measure(table, options=unlimited).maximum <= width:
                return table
    return table


def wrap_headings(content: "Table") -> tuple[str, ...]:
    """Return the headings in about three lines each, or fewer where the cells are wider."""
    wrapped = []
    for number, heading in enumerate(content.headings):
        words = (*heading.split(), *(cells[number] for cells in content.lines))
        wrapped.append(textwrap.fill(heading, max(-(-len(heading) // 3), *map(len, words))))
    return tuple(wrapped)


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
