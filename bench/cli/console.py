"""Print to the user: lines, reports and comparisons, and progress on stderr."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from bench.report.load import LoadedRun
    from bench.report.regression.output import ComparisonOutput

# Without a terminal there is no width to keep to: print every column.
stdout = Console(width=None if sys.stdout.isatty() else 240, highlight=False)
stderr = Console(stderr=True, highlight=False)

WAITING = "another run is measuring on this machine; waiting for it"
NO_CHARTS = "without charts and report.html, which need: pip install 'softmax-bench[report]'"


def print_line(line: str) -> None:
    """Print a line as it is: unwrapped and without markup, because it may quote others' text."""
    stdout.print(line, soft_wrap=True, markup=False)


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
            if isinstance(line, Transient):
                live.update(Text(line), refresh=console.is_terminal)
            else:
                console.print(line, soft_wrap=True, markup=False)


@contextmanager
def machine_lock(console: Console = stdout) -> Iterator[None]:
    """Lock the machine for measuring; if another run holds it, say so and wait."""
    from bench.runner import lock

    with lock.open_host_lock() as machine:
        if not machine.take():
            console.print(WAITING)
            machine.wait()
        yield


def print_report(folder: Path) -> "LoadedRun":
    """Write a run's report, print its tables, and return the run."""
    from bench.cli import terminal
    from bench.report.load import load_run
    from bench.report.sections.runs import list_left_out
    from bench.report.write import can_draw, write_report

    run = load_run(folder)
    report = write_report([run])
    for line in list_left_out(run):
        print_line(f"left out: {line}")
    for table in terminal.run_tables(stdout, run.rows, run.textbook):
        stdout.print("\n", table, sep="")
    if not can_draw():
        print_line(f"\n{NO_CHARTS}")
    print_line(f"\n{report}")
    return run


def print_comparison(comparison: "ComparisonOutput", style: str) -> None:
    """Print a comparison; in the formats for programs print nothing else."""
    from bench.cli import terminal
    from bench.report.regression import output

    if style != "table":
        print(output.format_output(comparison, style), end="" if style == "markdown" else "\n")
        return
    for line in comparison.opening:
        print_line(line)
    for table in comparison.tables:
        if table.lines:
            stdout.print("\n", terminal.text_table(table), sep="")
            print_line(table.note)
    for line in comparison.remarks:
        print_line(line)
