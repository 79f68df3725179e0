"""The verbs of the command line, a file for each; with bench/cli/app.py all that prints."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bench.report.load import LoadedRun
    from bench.report.regression.output import ComparisonOutput

# Without a terminal there is no width to keep to: every column is printed.
console = Console(width=None if sys.stdout.isatty() else 240, highlight=False)

MOST = 2**31 - 1
WITHOUT = "without charts and report.html, which need: pip install 'softmax-bench[report]'"
WAITING = "another run is measuring on this machine; waiting for it"

RUNS = "The code of a FILE runs, with your rights."

Device = Annotated[str, typer.Option("--device", help="cpu or gpu.")]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="A folder of four IDX files, or 'digits'."),
]
Threads = Annotated[
    str | None, typer.Option(metavar="N|all[,…]", help="Cores: 1, all, or 1,all. Default: all.")
]
Pythons = Annotated[
    list[str] | None,
    typer.Option(
        "--python", metavar="FRAMEWORK=EXECUTABLE", help="Its own Python, which runs (repeatable)."
    ),
]
Timeout = Annotated[float, typer.Option(min=1, max=86400, help="Seconds a process.")]
Seed = Annotated[int, typer.Option(min=0, max=MOST, help="Of orders and weights.")]


@contextmanager
def host() -> Iterator[None]:
    """Have the machine for ourselves; where another run has it, say so and wait."""
    from bench.runner import lock

    with lock.open_host_lock() as taken:
        if not taken.take():
            console.print(WAITING)
            taken.wait()
        yield


def show_report(folder: Path, target: float | None = None) -> "LoadedRun":
    """Write a run's report, print its tables, and return the run."""
    from bench.analysis.startup import TARGET
    from bench.cli import terminal
    from bench.report.load import load_run
    from bench.report.sections.runs import list_left_out
    from bench.report.write import can_draw, write_report

    run = load_run(folder)
    written = write_report([run], target=TARGET if target is None else target)
    for line in list_left_out(run):
        console.print(f"left out: {line}", soft_wrap=True, markup=False)
    for table in terminal.tables_of(console, run.rows, run.textbook):
        console.print("\n", table, sep="")
    if not can_draw():
        console.print(f"\n{WITHOUT}", soft_wrap=True, markup=False)
    console.print(f"\n{written}", soft_wrap=True)
    return run


def chosen(style: str) -> None:
    """Refuse a format that there is none of; raises UserError."""
    from bench.report.regression.output import FORMATS
    from bench.runner.plan import unknown_name

    if style not in FORMATS:
        raise unknown_name("format", style, FORMATS)


def show_comparison(found: "ComparisonOutput", style: str) -> None:
    """Print what a comparison found; nothing but the document itself is JSON."""
    from bench.report.regression import output

    if style == "table":
        _tables(found)
    else:
        print(output.format_output(found, style), end="" if style == "markdown" else "\n")


def _tables(found: "ComparisonOutput") -> None:
    from bench.cli import terminal

    for line in found.opening:
        console.print(line, soft_wrap=True, markup=False)
    for table in (each for each in found.tables if each.lines):
        console.print("\n", terminal.laid_out(table), sep="")
        console.print(table.note, soft_wrap=True, markup=False)
    for line in found.remarks:
        console.print(line, soft_wrap=True, markup=False)
