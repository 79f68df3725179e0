"""The plan of ``bench gate``, and the pairs of processes that it measures."""

import shlex

from bench.errors import UserError
from bench.records.schema import Count
from bench.regression.paired.comparison_plan import PairedPlan

AUTO, TIME, CPU_TIME, ITERATION = "auto", "time", "cpu-time", "iteration"
LAST_NUMBER, JSON = "last-number", "json:"


class CommandPlan(PairedPlan, frozen=True, kw_only=True):
    """The plan, as it is stored.

    arguments, prepare: the command, and one that runs before it, as a shell would take them; empty
    for none. metric: TIME, CPU_TIME, LAST_NUMBER, or JSON with a key. chosen: why it is this one of
    the first two; empty if the user named it. counter: counts the instructions, which are judged,
    too; empty for none. pytest: the command is pytest, and the benchmarks of pytest-benchmark are
    judged one by one: the minimum of each, or the mean of its CPU_TIME. loops: see ``CommandSpec``.
    """

    arguments: str
    metric: str = TIME
    chosen: str = ""
    counter: tuple[str, ...] = ()
    pytest: bool = False
    prepare: str = ""
    loops: bool = False
    threads: Count

    @property
    def is_simultaneous(self) -> bool:
        """Whether both processes of a pair live at the same time."""
        return self.loops or self.metric == CPU_TIME


def split_arguments(text: str, option: str) -> list[str]:
    """Return a command as a list; no shell ever reads it. Raises UserError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{option} {text!r}: {error}. Close the quotation") from error
    if not words:
        raise UserError(f"{option} is empty. Give a program with its arguments")
    return words
