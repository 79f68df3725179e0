"""The comparison table as text cells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_to_fastest, group_by_machine
from bench.analysis.summary import Row
from bench.report import tables
from bench.report.labels import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_workload_size,
    label_case,
    list_remarks,
    name_case,
    shorten_threads,
    time_from_cold,
)
from bench.report.parts import JOINED, Table
from bench.report.tables import Column


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column of the comparison table shows.

    value: takes the rows of the same machine, and the row. priority: where there is little room,
    columns with the highest numbers are left out first. make: of the heading and the values.
    """

    heading: str
    value: Callable[[Sequence[Row], Row], Any]
    priority: int
    make: Callable[[str, Iterable[Any]], Column]


def find_accuracy(row: Row) -> Interval | float | None:
    """Return the validation accuracy, with the least and the largest if there are several seeds."""
    if len(row.accuracy_by_seed) < 2 or row.accuracy.validation is None:
        return row.accuracy.validation
    return Interval(row.accuracy.validation, min(row.accuracy_by_seed), max(row.accuracy_by_seed))


PROGRAM = Measure("program", lambda _, row: name_case(row.case), 1, tables.list_words)
MEASURES = (
    Measure("epoch", lambda _, row: row.epoch, 1, tables.list_times),
    Measure("× fastest", compare_to_fastest, 5, tables.list_factors),
    Measure(
        f"{EPOCHS_IN_WORDS} epochs from a cold start",
        lambda _, row: time_from_cold(row, EPOCHS),
        2,
        tables.list_times,
    ),
    Measure("% of roofline", lambda _, row: row.roofline_share, 7, tables.list_percents),
    Measure("peak memory", lambda _, row: row.memory.peak_bytes, 8, tables.list_memory),
    Measure("validation accuracy", lambda _, row: find_accuracy(row), 6, tables.list_accuracies),
    Measure("parity error", lambda _, row: row.parity_error, 4, tables.list_errors),
    Measure("style", lambda _, row: row.case.style, 3, tables.list_words),
    Measure("processes", lambda _, row: "; ".join(list_remarks(row)), 1, tables.list_words),
)
MACHINE = Measure("machine", lambda _, row: row.machine, 1, tables.list_words)
DEVICE = Measure("device", lambda _, row: row.case.device, 1, tables.list_words)
# Where a pilot chose them, each row has its own.
THREADS = Measure("threads", lambda _, row: shorten_threads(row.case), 5, tables.list_words)

# The machine's speed is shown where it varied between rows by more than this factor.
SPEED_RANGE = 1.03
SPEED = Measure("machine's speed, × run's", lambda _, row: row.speed, 9, tables.list_numbers)


def select_measures(rows: Sequence[Row], max_priority: int = 99) -> list[Measure]:
    """Return the measures up to a priority; machine, device, threads and speed if rows need them.

    The machine's speed, as a share of the run's, is shown where it was another for other rows.
    """
    speeds = [row.speed for row in rows if row.speed]
    varied = max(speeds, default=1) > SPEED_RANGE * min(speeds, default=1)
    measures = (
        PROGRAM,
        *[MACHINE] * any(row.machine for row in rows),
        *[DEVICE] * (len({row.case.device for row in rows}) > 1),
        *[THREADS] * any(row.case.tried_threads for row in rows),
        *MEASURES,
        *[SPEED] * varied,
    )
    return [measure for measure in measures if measure.priority <= max_priority]


def tabulate_comparison(
    all_rows: Sequence[Row], rows: Sequence[Row], max_priority: int = 99
) -> Table:
    """Return the comparison table of some of all rows; see select_measures."""
    by_machine = group_by_machine(all_rows)
    columns = [
        measure.make(measure.heading, [measure.value(by_machine[row.machine], row) for row in rows])
        for measure in select_measures(rows, max_priority)
    ]
    programs = [JOINED.join(filter(None, (label_case(row.case), row.machine))) for row in rows]
    leading = 2 if any(row.machine for row in rows) else 1
    return tables.build_table("", columns, programs=programs, leading=leading)


def tabulate_programs(
    title: str, columns: Iterable[Column], note: str, rows: Sequence[Row]
) -> Table:
    """Return a table with a line for each row: its program, its other columns, its style.

    With the threads, where a pilot chose them. title: without the problem, which is added.
    """
    title = f"{title}, {describe_workload_size(rows[0])}"
    cases = [row.case for row in rows]
    threads = [shorten_threads(case) for case in cases if case.tried_threads]
    columns = (
        tables.list_words("program", map(name_case, cases)),
        *columns,
        tables.list_words("style", [case.style for case in cases]),
        *[tables.list_words("threads", threads)] * (len(threads) == len(cases)),
    )
    return tables.build_table(title, columns, note, programs=list(map(label_case, cases)))
