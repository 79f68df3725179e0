"""Print what is measured while it is measured."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.cli.console import stdout
from bench.errors import clean_text
from bench.runner import lock


class Transient(str):
    """A line of progress that the next one replaces."""

    __slots__ = ()


def print_progress(console: Console, lines: Iterable[str | Table]) -> None:
    """Print lines as they come; on a terminal a table and a ``Transient`` line until the next.

    Between two lines nothing of this process may disturb what is measured, so the screen stays.
    """
    status, tables = Text(), []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for line in lines:
            if isinstance(line, Table):
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
    return lock.hold_host_lock(lambda line: console.print(line, soft_wrap=True, markup=False))


def print_measurement(console: Console, lines: Iterable[str | Table]) -> None:
    """Hold the host's lock, and print what is measured meanwhile."""
    with hold_host_lock(console):
        print_progress(console, lines)
