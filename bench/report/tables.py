"""The comparison table, as text cells: the same for Markdown and for the terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.figures import FigureRow
from bench.ranking import times_fastest
from bench.report import numbers
from bench.result import Case
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; ``words`` columns come before those with numbers.

    Names are those of the records, in headings too: whoever lays it out escapes both.
    """

    title: str
    headings: tuple[str, ...]
    lines: list[list[str]]
    words: int
    note: str = ""

    @property
    def numeric(self) -> set[int]:
        """Columns that are set flush right."""
        return set(range(self.words, len(self.headings)))


class OfCase(Protocol):
    """Whatever was found out about one case."""

    @property
    def case(self) -> Case:
        """The case."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, its cell's text, and how soon it goes where there is no room (1 stays longest)."""

    heading: str
    cell: Callable[[Sequence[Row], Row], str]
    priority: int
    numeric: bool = True


COLUMNS = (
    Column("implementation", lambda _, row: row.case.implementation, 1, numeric=False),
    Column("framework", lambda _, row: row.version, 8, numeric=False),
    Column("objective", lambda _, row: row.case.objective, 3, numeric=False),
    Column("style", lambda _, row: row.case.style, 10, numeric=False),
    Column("data", lambda _, row: row.case.data, 15, numeric=False),
    Column("validation accuracy", lambda _, row: numbers.share(row.validation_accuracy), 4),
    Column("test accuracy", lambda _, row: numbers.share(row.test_accuracy), 14),
    Column("epoch", lambda _, row: numbers.duration_interval(row.epoch), 1),
    Column("samples/s", lambda _, row: numbers.count(row.samples_per_second), 9),
    Column("times the fastest", lambda rows, row: numbers.factor(times_fastest(rows, row)), 5),
    Column("share of the ceiling", lambda _, row: numbers.percent(row.share_of_ceiling), 6),
    Column("first epoch", lambda _, row: numbers.duration(row.first_epoch), 7),
    Column("set-up", lambda _, row: numbers.duration(row.setup), 11),
    Column("import", lambda _, row: numbers.duration(row.imports), 12),
    Column("peak memory", lambda _, row: numbers.mebibytes(row.peak_rss_bytes), 13),
    Column("parity error", lambda _, row: numbers.error(row.parity_error), 2),
)


def columns(most_priority: int = 99) -> list[Column]:
    """Return the columns that stay when only so many fit."""
    return [column for column in COLUMNS if column.priority <= most_priority]


def measured(rows: Sequence[Row], workload: str) -> list[Row]:
    """Return a workload's rows at its first size that have a time and nothing wrong in them."""
    return [row for row in rows if row.case.workload == workload and row.ranked and not row.swept]


def workloads(rows: Sequence[Row]) -> list[str]:
    """Name the workloads that were tried, in the order of the table."""
    return list(dict.fromkeys(row.case.workload for row in rows))


def cells(rows: Sequence[Row], shown: Sequence[Row], chosen: Sequence[Column]) -> list[list[str]]:
    """Return the text of every cell, a list a row."""
    return [[column.cell(rows, row) for column in chosen] for row in shown]


def name(case: Case) -> str:
    """Name a case, and its objective where it trains something else than the others."""
    if case.objective == "softmax":
        return case.implementation
    return f"{case.implementation} ({case.objective})"


def problem(found: OfCase) -> str:
    """Say which problem was solved, where several stand in one report."""
    case = found.case
    return (
        f"{case.device}, batch size {case.batch_size}, {case.threads} thread"
        f"{'s' if case.threads > 1 else ''}, {case.samples:,} samples"
    )


def faults(rows: Sequence[Row]) -> list[list[str]]:
    """Return what was not measured, or wrongly, and why: one line a case and reason."""
    return [
        [row.case.workload, row.case.implementation, problem(row), status,
         f"{times} of {row.rounds}", reason]
        for row in rows
        for status, reason in dict.fromkeys(row.faults)
        for times in [row.faults.count((status, reason))]
    ]  # fmt: skip


FAULT_HEADINGS = ("workload", "implementation", "problem", "status", "trials", "reason")
FIGURE_HEADINGS = ("program", "quantity", "textbook", "ours", "verdict", "took", "framework")


def figures(rows: Sequence[FigureRow]) -> list[list[str]]:
    """Return the textbook's quantities beside ours."""
    return [
        [
            row.name,
            row.quantity.replace("_", " "),
            numbers.share(row.published),
            numbers.share(row.found),
            row.verdict,
            numbers.duration(row.seconds),
            row.version,
        ]
        for row in rows
    ]
