"""The comparison table as text cells, and the words for a case, its size and its status."""

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
from bench.report.render.numbers import format_percent
from bench.report.sections import Table

Value = Interval | float | str | None


class HasCase(Protocol):
    """A result about one case."""

    @property
    def case(self) -> Case:
        """The case."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison table.

    value: takes the rows of the same machine, and the row. priority: where there is little room,
    columns with the highest numbers are left out first. remark: added to the cell of a row.
    """

    heading: str
    value: Callable[[Sequence[Row], Row], Value]
    priority: int
    format: Callable[[Any], str] = str
    numeric: bool = True
    remark: Callable[[Row], str] = lambda _: ""

    def cell(self, rows: Sequence[Row], row: Row) -> str:
        """Return the text of a cell."""
        return self.format(self.value(rows, row)) + self.remark(row)

    def key(self, rows: Sequence[Row], row: Row) -> float | str | None:
        """Return what rows are sorted by: the value, or the mean of an interval."""
        value = self.value(rows, row)
        return value.mean if isinstance(value, Interval) else value


def _text_column(heading: str, value: Callable[[Row], str], priority: int) -> Column:
    return Column(heading, lambda _, row: value(row), priority, numeric=False)


def remark_processes(row: Row) -> str:
    """Return how many trials of a row succeeded, if not all, and whether they fall into groups."""
    remarks = [f"{row.succeeded} of {row.rounds}"] * (row.succeeded < row.rounds)
    remarks += ["two groups"] * row.in_two_groups
    return "".join(f", {remark}" for remark in remarks)


def remark_accuracy(row: Row) -> str:
    """Return the least and the largest accuracy over the seeds, if there are several."""
    if len(row.accuracy_by_seed) < 2:
        return ""
    least, largest = (numbers.format_share(bound(row.accuracy_by_seed)) for bound in (min, max))
    return f" [{least}, {largest}]"


COLUMNS = (
    _text_column("implementation", lambda row: row.case.implementation, 1),
    _text_column("framework", lambda row: row.version, 8),
    _text_column("objective", lambda row: row.case.objective, 3),
    _text_column("style", lambda row: row.case.style, 10),
    _text_column("data", lambda row: row.case.data_access, 15),
    Column(
        "validation accuracy",
        lambda _, row: row.validation_accuracy,
        4,
        numbers.format_share,
        remark=remark_accuracy,
    ),
    Column("test accuracy", lambda _, row: row.test_accuracy, 14, numbers.format_share),
    Column("epoch", lambda _, row: row.epoch, 1, numbers.format_duration, remark=remark_processes),
    Column("samples/s", lambda _, row: row.samples_per_second, 9, numbers.format_number),
    Column("× fastest", compare_to_fastest, 5, numbers.format_factor),
    Column("% of roofline", lambda _, row: row.roofline_share, 6, format_percent),
    Column("first epoch", lambda _, row: row.first_epoch, 7, numbers.format_duration),
    Column("set-up", lambda _, row: row.setup, 11, numbers.format_duration),
    Column("import", lambda _, row: row.imports, 12, numbers.format_duration),
    Column("peak memory", lambda _, row: row.peak_rss_bytes, 13, numbers.format_mebibytes),
    Column("parity error", lambda _, row: row.parity_error, 2, numbers.format_error),
)
MACHINE = _text_column("machine", lambda row: row.machine, 1)
DEVICE = _text_column("device", lambda row: row.case.device, 1)
# Where a pilot chose them, each row has its own.
THREADS = _text_column("threads", lambda row: describe_threads(row.case), 1)

# The machine's speed is shown where it varied between rows by more than this factor.
SPEED_RANGE = 1.03
SPEED = Column("machine's speed, × run's", lambda _, row: row.speed, 1, numbers.format_number)


def select_columns(rows: Sequence[Row], max_priority: int = 99) -> list[Column]:
    """Return the columns up to a priority; machine, device, threads and speed where rows need it.

    The machine's speed, as a share of the run's, is shown where it was another for other rows.
    """
    first, *rest = [column for column in COLUMNS if column.priority <= max_priority]
    machine = [MACHINE] * any(row.machine for row in rows)
    device = [DEVICE] * (len({row.case.device for row in rows}) > 1)
    threads = [THREADS] * any(row.case.tried_threads for row in rows)
    speeds = [row.speed for row in rows if row.speed]
    speed = [SPEED] * (max(speeds, default=1) > SPEED_RANGE * min(speeds, default=1))
    return [first, *machine, *device, *threads, *rest, *speed]


def select_ranked(rows: Sequence[Row], workload: str) -> list[Row]:
    """Return the ranked rows of a workload at its first size."""
    return [row for row in rows if row.case.workload == workload and row.ranked and not row.swept]


def list_workloads(rows: Sequence[Row]) -> list[str]:
    """Return the workloads of the rows, in their order."""
    return list(dict.fromkeys(row.case.workload for row in rows))


def tabulate_comparison(
    all_rows: Sequence[Row], rows: Sequence[Row], max_priority: int = 99
) -> Table:
    """Return the comparison table of some of all rows; see select_columns."""
    columns = select_columns(rows, max_priority)
    by_machine = group_by_machine(all_rows)
    lines = [[column.cell(by_machine[row.machine], row) for column in columns] for row in rows]
    words = sum(not column.numeric for column in columns)
    return Table("", tuple(column.heading for column in columns), lines, words)


def list_names(names: Sequence[str], limit: int) -> str:
    """Return names as words: a, b and c; beyond the limit, how many more there are."""
    shown = [*names[:limit], *[f"{len(names) - limit} more"] * (len(names) > limit)]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def name_case(case: Case) -> str:
    """Name an implementation, and its objective if that is not softmax."""
    if case.objective == "softmax":
        return case.implementation
    return f"{case.implementation} ({case.objective})"


def label_case(case: Case) -> str:
    """Name an implementation, its objective, and the GPU if it ran on one."""
    return add_device(name_case(case), case.device)


def add_device(name: str, device: Device) -> str:
    """Add the device to a name if it is not the CPU."""
    return name if device == "cpu" else f"{name} ({device})"


def add_threads(name: str, case: Case) -> str:
    """Add the threads of a case to a name if a pilot chose them."""
    return f"{name}, {describe_threads(case)}" if case.tried_threads else name


def describe_threads(case: Case) -> str:
    """Return the number of threads, and of how many if a pilot chose: 1 of 2 threads."""
    if not case.tried_threads:
        return numbers.format_threads(case.threads)
    return f"{case.threads} of {numbers.format_threads(max(case.tried_threads))}"


def describe_problem(result: HasCase) -> str:
    """Name the device and the size of a case, as all comparable cases have them."""
    return f"{result.case.device}, {describe_size(result.case)}"


def describe_size(case: Case) -> str:
    """Name batch size, threads and samples of a case, as all comparable cases have them."""
    return _format_size(case, name_offered_threads(case))


def name_offered_threads(case: Case) -> str:
    """Return the threads that all comparable cases share: a number, or what pilots chose from."""
    if not case.tried_threads:
        return numbers.format_threads(case.threads)
    return f"the better of {' and '.join(map(str, case.tried_threads))} threads"


def _format_size(case: Case, threads: str) -> str:
    return f"batch size {case.batch_size}, {threads}, {case.samples:,} samples"


def describe_status(row: Row | None) -> str:
    """Return in a word or two why a row is not ranked."""
    if row is None:
        return "not measured"
    return next((status for status, _ in row.faults if status == "failed"), row.faults[0][0])


FAULT_HEADINGS = ("workload", "implementation", "problem", "status", "trials", "reason")


def list_faults(rows: Sequence[Row]) -> list[list[str]]:
    """Return a line for each case and reason that it failed or was not measured.

    A case that is unavailable at several sizes for one reason is one line.
    """
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        names = (row.case.workload, row.case.implementation, row.case.device)
        for status, reason in dict.fromkeys(row.faults):
            slug = "" if status == "unavailable" else row.case.slug
            groups[*names, slug, status, reason].append(row)
    lines = []
    for (workload, implementation, device, _, status, reason), group in groups.items():
        problem = f"{device}, {len(group)} sizes"
        if len(group) == 1:
            case = group[0].case
            problem = f"{device}, {_format_size(case, describe_threads(case))}"
        count = sum(row.faults.count((status, reason)) for row in group)
        trials = f"{count} of {sum(row.rounds for row in group)}"
        lines.append([workload, implementation, problem, status, trials, reason])
    return lines


TEXTBOOK_HEADINGS = ("program", "quantity", "textbook", "ours", "verdict", "took", "framework")


def list_textbook(rows: Sequence[TextbookRow]) -> list[list[str]]:
    """Return a line for each quantity of the textbook, with ours beside it."""
    return [
        [
            row.name,
            row.quantity.replace("_", " "),
            numbers.format_share(row.published),
            numbers.format_share(row.measured),
            row.verdict,
            numbers.format_duration(row.seconds),
            row.version,
        ]
        for row in rows
    ]


def tabulate_noise(noise: Noise) -> Table:
    """Return how noisy a run was, a line for each measure."""
    measures = {
        "spread within a process (standard deviation of epochs)": format_percent(noise.within),
        "spread between processes of a case, without drift": format_percent(noise.between),
        "drift from the first round to the last, as a factor": (
            "unknown" if noise.drift is None else numbers.format_factor(noise.drift)
        ),
        "time of all cores taken by other processes": format_percent(noise.others),
        "time stolen by the hypervisor": format_percent(noise.steal),
        "variation of the clock": format_percent(noise.clock),
        "times a core was throttled": numbers.format_number(noise.throttled),
    }
    return Table("", ("measure", "value"), [[name, value] for name, value in measures.items()], 1)
