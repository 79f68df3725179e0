"""The comparison table, as text cells: the same for Markdown and for the terminal."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.analysis.intervals import Interval
from bench.analysis.noise import Noise
from bench.analysis.ranking import compare_to_fastest, group_by_machine
from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.contract import Device
from bench.records.schema import Case
from bench.report.render import numbers


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


Value = Interval | float | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, a row's value and its text, and how soon it goes where there is no room.

    priority: 1 stays longest.
    """

    heading: str
    value: Callable[[Sequence[Row], Row], Value]
    priority: int
    shown: Callable[[Any], str] = str
    numeric: bool = True

    def cell(self, rows: Sequence[Row], row: Row) -> str:
        """Return the text of a cell."""
        return self.shown(self.value(rows, row))

    def key(self, rows: Sequence[Row], row: Row) -> float | str | None:
        """Return what rows are sorted by: the value itself, of an interval its mean."""
        value = self.value(rows, row)
        return value.mean if isinstance(value, Interval) else value


def _words(heading: str, value: Callable[[Row], str], priority: int) -> Column:
    return Column(heading, lambda _, row: value(row), priority, numeric=False)


COLUMNS = (
    _words("implementation", lambda row: row.case.implementation, 1),
    _words("framework", lambda row: row.version, 8),
    _words("objective", lambda row: row.case.objective, 3),
    _words("style", lambda row: row.case.style, 10),
    _words("data", lambda row: row.case.data, 15),
    Column("validation accuracy", lambda _, row: row.validation_accuracy, 4, numbers.share),
    Column("test accuracy", lambda _, row: row.test_accuracy, 14, numbers.share),
    Column("epoch", lambda _, row: row.epoch, 1, numbers.duration_interval),
    Column("samples/s", lambda _, row: row.samples_per_second, 9, numbers.count),
    Column("times the fastest", compare_to_fastest, 5, numbers.factor),
    Column("share of the ceiling", lambda _, row: row.roofline_share, 6, numbers.percent),
    Column("first epoch", lambda _, row: row.first_epoch, 7, numbers.duration),
    Column("set-up", lambda _, row: row.setup, 11, numbers.duration),
    Column("import", lambda _, row: row.imports, 12, numbers.duration),
    Column("peak memory", lambda _, row: row.peak_rss_bytes, 13, numbers.mebibytes),
    Column("parity error", lambda _, row: row.parity_error, 2, numbers.error),
)


WHERE = _words("machine", lambda row: row.machine, 1)
DEVICE = _words("device", lambda row: row.case.device, 1)


def columns(most_priority: int = 99) -> list[Column]:
    """Return the columns that stay when only so many fit."""
    return [column for column in COLUMNS if column.priority <= most_priority]


def columns_of(rows: Sequence[Row], most_priority: int = 99) -> list[Column]:
    """Return the columns of some rows: with machine and device, where they are of several."""
    first, *rest = columns(most_priority)
    several = [WHERE] * any(row.machine for row in rows)
    several += [DEVICE] * (len({row.case.device for row in rows}) > 1)
    return [first, *several, *rest]


def measured(rows: Sequence[Row], workload: str) -> list[Row]:
    """Return a workload's rows at its first size that have a time and nothing wrong in them."""
    return [row for row in rows if row.case.workload == workload and row.ranked and not row.swept]


def workloads(rows: Sequence[Row]) -> list[str]:
    """Name the workloads that were tried, in the order of the table."""
    return list(dict.fromkeys(row.case.workload for row in rows))


def cells(rows: Sequence[Row], shown: Sequence[Row], chosen: Sequence[Column]) -> list[list[str]]:
    """Return the text of every cell, a list a row."""
    there = group_by_machine(rows)
    return [[column.cell(there[row.machine], row) for column in chosen] for row in shown]


def name(case: Case) -> str:
    """Name a case, and its objective where it trains something else than the others."""
    if case.objective == "softmax":
        return case.implementation
    return f"{case.implementation} ({case.objective})"


def label(case: Case) -> str:
    """Name a case where both devices may stand together: what is on a GPU says so."""
    return on_device(name(case), case.device)


def on_device(called: str, device: Device) -> str:
    """Add the device to a name, where it is not the CPU."""
    return called if device == "cpu" else f"{called} ({device})"


def problem(found: OfCase) -> str:
    """Say which problem was solved, where several stand in one report."""
    return f"{found.case.device}, {sizes(found.case)}"


def sizes(case: Case) -> str:
    """Say at which size, whatever the device."""
    return (
        f"batch size {case.batch_size}, {case.threads} thread"
        f"{'s' if case.threads > 1 else ''}, {case.samples:,} samples"
    )


def standing(row: Row | None) -> str:
    """Say in a word or two why a row that has no place among the ranked has none."""
    if row is None:
        return "not measured"
    return next((status for status, _ in row.faults if status == "failed"), row.faults[0][0])


def faults(rows: Sequence[Row]) -> list[list[str]]:
    """Return what was not measured, or wrongly, and why: one line a case and reason.

    What is unavailable at several sizes for the same reason is one line.
    """
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        of = (row.case.workload, row.case.implementation, row.case.device)
        for status, reason in dict.fromkeys(row.faults):
            size = "" if status == "unavailable" else row.case.slug
            found[*of, size, status, reason].append(row)
    return [
        [workload, implementation,
         problem(its[0]) if len(its) == 1 else f"{device}, {len(its)} sizes", status,
         f"{times} of {sum(row.rounds for row in its)}", reason]
        for (workload, implementation, device, _, status, reason), its in found.items()
        for times in [sum(row.faults.count((status, reason)) for row in its)]
    ]  # fmt: skip


FAULT_HEADINGS = ("workload", "implementation", "problem", "status", "trials", "reason")
FIGURE_HEADINGS = ("program", "quantity", "textbook", "ours", "verdict", "took", "framework")
FIGURE_NUMBERS = {2, 3, 5}


def figures(rows: Sequence[TextbookRow]) -> list[list[str]]:
    """Return the textbook's quantities beside ours."""
    return [
        [
            row.name,
            row.quantity.replace("_", " "),
            numbers.share(row.published),
            numbers.share(row.measured),
            row.verdict,
            numbers.duration(row.seconds),
            row.version,
        ]
        for row in rows
    ]


def noise(found: Noise) -> Table:
    """Return how noisy a run was, a line a measure."""
    drift = "unknown" if found.drift is None else numbers.factor(found.drift)
    lines = [
        ["spread within a process (standard deviation of epochs)", numbers.percent(found.within)],
        ["spread between processes of a case, drift taken out", numbers.percent(found.between)],
        ["drift from the first round to the last, as a factor", drift],
        ["other processes, of all cores' time", numbers.percent(found.others)],
        ["stolen by the hypervisor", numbers.percent(found.steal)],
        ["variation of the clock", numbers.percent(found.clock)],
        ["times a core was throttled", numbers.count(found.throttled)],
    ]
    return Table("Noise", ("what", "here"), lines, 1)
