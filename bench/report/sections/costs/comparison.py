"""The comparison table as text cells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_to_fastest, group_by_machine
from bench.analysis.summary import Row
from bench.report.base import tables
from bench.report.base.labels import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_workload_size,
    label_case,
    list_remarks,
    name_case,
    vary_threads,
)
from bench.report.base.parts import JOINED, Table
from bench.report.base.tables import Column


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column of the comparison table shows."""

    heading: str
    value: Callable[[Row], Any]  # that of RATIO takes the other rows, too
    priority: int  # where there is little room, the highest numbers are left out first
    make: Callable[[str, Iterable[Any]], Column]  # takes the heading and the values


def find_accuracy(row: Row) -> Interval | float | None:
    """Return the validation accuracy, with the least and the largest if there are several seeds."""
    if len(row.accuracy_by_seed) < 2 or row.accuracy.validation is None:
        return row.accuracy.validation
    return Interval(row.accuracy.validation, min(row.accuracy_by_seed), max(row.accuracy_by_seed))


PROGRAM = Measure("program", lambda row: name_case(row.case), 1, tables.list_words)
PROCESSES = Measure("processes", list_remarks, 5, tables.list_words)
EPOCH = Measure("epoch", lambda row: row.epoch, 1, tables.list_times)
RATIO = Measure("× fastest", lambda _: None, 1, tables.list_factors)
# From this priority on, a table that is too wide loses columns before bounds of intervals.
BRACKETED = 5
Brackets = Literal["all", "epoch", "none"]
MEASURES = (
    EPOCH,
    RATIO,
    Measure(
        f"{EPOCHS_IN_WORDS} epochs from a cold start",
        lambda row: row.time_from_cold(EPOCHS),
        2,
        tables.list_times,
    ),
    Measure("% of roofline", lambda row: row.roofline_share, 8, tables.list_percents),
    Measure("peak memory", lambda row: row.memory.peak_bytes, 9, tables.list_memory),
    Measure("validation accuracy", find_accuracy, 7, tables.list_accuracies),
    Measure("parity error", lambda row: row.parity_error, 6, tables.list_errors),
    Measure("style", lambda row: row.case.style, 3, tables.list_words),
    PROCESSES,
)
MACHINE = Measure("machine", lambda row: row.machine, 1, tables.list_words)
DEVICE = Measure("device", lambda row: row.case.device, 1, tables.list_words)
THREADS = Measure("threads", lambda row: str(row.case.threads), 4, tables.list_words)

# The machine's speed is shown where it varied between rows by more than this factor.
SPEED_RANGE = 1.03
SPEED = Measure("machine's speed, × run's", lambda row: row.speed, 10, tables.list_numbers)


def select_measures(rows: Sequence[Row], max_priority: int = 99) -> list[Measure]:
    """Return the measures up to a priority; machine, device, threads and speed if rows need them.

    The machine's speed, as a share of the run's, is shown where it was another for other rows.
    """
    speeds = [row.speed for row in rows if row.speed]
    varied = max(speeds, default=1) > SPEED_RANGE * min(speeds, default=1)
    measures = (
        PROGRAM,
        *([MACHINE] if any(row.machine for row in rows) else []),
        *([DEVICE] if len({row.case.device for row in rows}) > 1 else []),
        *([THREADS] if vary_threads(rows) else []),
        *MEASURES,
        *([SPEED] if varied else []),
    )
    return [measure for measure in measures if measure.priority <= max_priority]


def list_common(rows: Sequence[Row]) -> list[str]:
    """Return the remarks that all of several rows have in common, which a table says once."""
    first, *others = [list_remarks(row) for row in rows]
    return [one for one in first if others and all(one in remarks for remarks in others)]


def tabulate_comparison(
    all_rows: Sequence[Row],
    rows: Sequence[Row],
    max_priority: int = 99,
    *,
    brackets: Brackets = "all",
) -> Table:
    """Return the comparison table of some of all rows; see select_measures.

    brackets: which columns show the bounds of their intervals.
    """
    compared = {key: compare_to_fastest(group) for key, group in group_by_machine(all_rows).items()}
    pairs = [compared[row.machine].get(row.case.slug, (None, None)) for row in rows]
    common, columns = list_common(rows), []
    for measure in select_measures(rows, max_priority):
        values = [measure.value(row) for row in rows]
        if measure is RATIO:
            values = [ratio for ratio, _ in pairs]
        if measure is PROCESSES:
            values = ["; ".join(one for one in own if one not in common) for own in values]
        if brackets == "none" or (brackets == "epoch" and measure is not EPOCH):
            values = [v.without_bounds() if isinstance(v, Interval) else v for v in values]
        columns.append(measure.make(measure.heading, values))
        if measure is RATIO:
            columns[-1] = replace(columns[-1], keys=[typical for _, typical in pairs])
    programs = [JOINED.join(filter(None, (label_case(row.case), row.machine))) for row in rows]
    leading = 2 if any(row.machine for row in rows) else 1
    return tables.build_table("", columns, programs=programs, leading=leading)


def tabulate_programs(
    title: str, columns: Iterable[Column], note: str, rows: Sequence[Row]
) -> Table:
    """Return a table with a line for each row: its program, its other columns, its style.

    With the threads, where they differ. title: without the problem, which is added.
    """
    title = f"{title}, {describe_workload_size(rows)}"
    cases = [row.case for row in rows]
    columns = [
        tables.list_words("program", map(name_case, cases)),
        *columns,
        tables.list_words("style", [case.style for case in cases]),
    ]
    if vary_threads(rows):
        columns.append(tables.list_words("threads", [str(case.threads) for case in cases]))
    return tables.build_table(title, columns, note, programs=list(map(label_case, cases)))
