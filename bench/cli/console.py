"""The streams of the command line, its lines and tables, and the command as records keep it."""

import shlex
import sys
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bench.errors import UserError, clean_text
from bench.report.base.parts import Table
from bench.report.regression import output
from bench.report.regression.output import ComparisonOutput

# Without a terminal each row of a table stays in one line, because a CI obeys lines that begin with
# ::error. Results of a run have as many columns as fit into PIPED_WIDTH. A shell can close stdout.
PIPED_WIDTH = 100
on_terminal = sys.stdout is not None and sys.stdout.isatty()
stdout = Console(width=None if on_terminal else 2000, highlight=False, emoji=False)
stderr = Console(stderr=True, highlight=False, emoji=False)


def print_line(line: str, console: Console | None = None, style: str | None = None) -> None:
    """Print one line, unwrapped and without markup, because it may quote others' text."""
    (console or stdout).print(clean_text(line), soft_wrap=True, markup=False, style=style)


def print_sentence(text: str) -> None:
    """Print a sentence without markup, which a terminal wraps between words."""
    stdout.print(clean_text(text), markup=False)


def quote_command() -> str:
    """Return the command that runs, as the records keep it. Raises UserError for bad Unicode."""
    for word in sys.argv:
        if word != (safe := word.encode(errors="replace").decode()):
            raise UserError(f"{safe!r} is not valid Unicode. Rename it, or set LC_ALL=C.UTF-8")
    # A wheel has no other program.
    program = "softmax-bench" if Path(sys.argv[0]).name == "softmax-bench" else "python -m bench"
    return f"{program} {shlex.join(sys.argv[1:])}"


def format_table(content: Table, *, no_wrap: bool = False) -> RichTable:
    """Return the table of a report for the terminal, with its numbers flush right."""
    whole = not on_terminal
    title = Text(content.title, no_wrap=whole, overflow="ignore" if whole else None)
    table = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(content.headings):
        justify: Literal["left", "right"] = "right" if number in content.numeric else "left"
        table.add_column(Text(heading), justify=justify, no_wrap=no_wrap or whole)
    for cells in content.lines:
        table.add_row(*map(Text, cells))
    return table


def print_comparison(comparison: ComparisonOutput, style: str, *, rule: bool = True) -> None:
    """Print a comparison; in the formats for programs print nothing else. rule: with its rule."""
    if style != "table":
        print(output.format_output(comparison, style), end="" if style == "markdown" else "\n")
        return
    for line in comparison.opening:
        print_line(line)
    for table in comparison.tables:
        stdout.print("\n", format_table(table), sep="")
        print_line(table.note)
    if rule and comparison.tables:
        print_line(comparison.rule)
    for line in comparison.remarks:
        print_line(line)
