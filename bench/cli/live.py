"""Print what is measured while it is measured."""

from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.cli.console import print_line
from bench.errors import clean_text
from bench.runner import lock
from bench.runner.events import Transient


class Screen:
    """Lines as they come; on a terminal a table and a ``Transient`` line stay until the next.

    A context manager. Elsewhere tables stay, and transient lines are left out. Between two lines
    nothing of this process may disturb what is measured, so the screen stays.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Text()
        self._tables: list[Table] = []
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, line: str | Table) -> None:
        """Show a line or a table."""
        if isinstance(line, Transient):
            self._status = Text(clean_text(line))
        elif isinstance(line, str):  # a worker may have written its reason
            print_line(line, self._console)
            return
        elif self._console.is_terminal:
            self._tables = [line]
        else:
            self._console.print(line, "")
            return
        # The status first: a low terminal does not show the end of a long table.
        self._live.update(Group(self._status, *self._tables), refresh=True)


def await_host() -> AbstractContextManager[None]:
    """Hold the host's lock in a block; say so before waiting for another run that has it."""
    return lock.hold_host_lock(print_line)
