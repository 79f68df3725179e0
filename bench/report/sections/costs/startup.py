"""Start-up: what a start costs, who is done first after how many epochs, and accuracy over time."""

import math
from collections.abc import Iterable, Sequence
from functools import partial

from bench.analysis import startup
from bench.analysis.summary import Row
from bench.report import tables
from bench.report.charts.accuracy import chart_accuracy
from bench.report.labels import (
    EPOCHS,
    group_by_device,
    quote_known,
    select_ranked,
)
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section, Table
from bench.report.render import numbers
from bench.report.sections.costs.comparison import tabulate_programs
from bench.report.sections.verdict import select_softmax, write_frontier
from bench.worker.workloads import TARGET_ACCURACY

CURVES_TITLE = "Accuracy over the epochs"
STARTS_TITLE = "What a start costs"
FIRST_TITLE = "Which program is done first, start included?"
NOTHING_WELL = "No trial succeeded."
# Numbers of epochs of the table: of the textbook and around it, and of long training.
MANY_EPOCHS = (1, EPOCHS, 20, 100, 1000)
TOTALS_NOTE = (
    "Seconds in a fresh process with empty compile caches: import, set-up, reset and first epoch "
    "as they were, each further epoch as the median epoch of its process. In brackets: the 95 % "
    "interval of the typical process."
)
COSTS_NOTE = (
    "Cold start: import, set-up, reset and first epoch of a fresh process with empty compile "
    "caches. All are medians over processes, so the parts need not add up. Warm start: the same of "
    "a process with the compile caches that another process of the program left, for programs that "
    "leave one; without an interval it was measured once. First timed epoch: it "
    "follows the first epoch, and is divided by the median one of its process. Where its interval "
    "lies above 1, a program is not warm yet after one epoch."
)


def describe_curves(run: LoadedRun) -> Section:
    """Return the validation accuracy after each epoch, of the first workload."""
    rows = [row for row in select_ranked(run.rows, run.workload) if row.accuracy.curves]
    if not rows:
        return Section(CURVES_TITLE, empty=NOTHING_WELL)
    title = f"{CURVES_TITLE}, workload {run.workload}"
    picture = Picture(f"accuracy-{run.workload}", title, partial(chart_accuracy, rows, title))
    return Section(CURVES_TITLE, pictures=[picture], finding=describe_epochs(rows))


def describe_epochs(rows: Sequence[Row]) -> str:
    """Say after how many epochs the softmax programs reach the accuracy; empty unless all do."""
    curves = [row.accuracy.curves for row in select_softmax(rows) if row.accuracy.curves]
    reached = [
        next((epoch for epoch, value in enumerate(curve, 1) if value >= TARGET_ACCURACY), None)
        for by_seed in curves
        for curve in by_seed
    ]
    epochs = sorted({epoch for epoch in reached if epoch is not None})
    if len(curves) < 2 or None in reached:
        return ""
    seeds = max(map(len, curves))
    over = f"over {seeds} seeds" if seeds > 1 else "with one seed of orders and initial weights"
    return (
        f"All {len(curves)} softmax programs reach a validation accuracy of {TARGET_ACCURACY:g} "
        f"after {' to '.join(map(str, dict.fromkeys((epochs[0], epochs[-1]))))} epochs, {over}."
    )


def describe_starts(run: LoadedRun) -> Section:
    """Return what a start costs, of the ranked rows of the first workload at its first size."""
    rows = [row for row in select_ranked(run.rows, run.workload) if row.start.by_round]
    rows.sort(key=sort_key)
    finding = ""
    if len(rows) > 1:
        times = quote_known(rows, lambda row: numbers.format_typical(sort_key(row)))
        finding = f"Ready after the first epoch: {times}."
    return Section(STARTS_TITLE, tabulate_costs(rows), NOTHING_WELL, finding=finding)


def describe_first(run: LoadedRun) -> Section:
    """Return the time of many epochs from a cold start.

    Of the ranked rows of the first workload at its first size: it has most rounds.
    """
    rows = select_ranked(run.rows, run.workload)
    table_list = tabulate_totals(rows)
    softmax = select_softmax(rows)
    stretches = startup.find_frontier(softmax)
    finding = f"{write_frontier(stretches)}." if stretches and len(softmax) > 1 else ""
    if finding and any(row.start.warm_by_round for row in softmax):
        warm = startup.find_frontier([row.start_warm() for row in softmax])
        finding += f" With the compile caches of an earlier process: {write_frontier(warm)}."
    return Section(FIRST_TITLE, table_list, NOTHING_WELL, finding=finding)


def sort_key(row: Row, epochs: int = 1) -> float:
    """Order rows by the time from a cold start until this many epochs are trained."""
    seconds = row.time_from_cold(epochs)
    return seconds.mean if seconds else math.inf


def tabulate_totals(rows: Sequence[Row]) -> list[Table]:
    """Return the seconds until many epochs are trained, the first after five on top."""
    table_list = []
    for group in group_by_device(row for row in rows if row.start.by_round):
        group.sort(key=lambda row: sort_key(row, EPOCHS))
        columns = [
            tables.list_numbers(
                f"{count:,} epoch{'s' * (count > 1)}, s",
                [row.time_from_cold(count) for row in group],
            )
            for count in MANY_EPOCHS
        ]
        table_list.append(tabulate_programs("Time from a cold start", columns, TOTALS_NOTE, group))
    return table_list


def tabulate_costs(rows: Iterable[Row]) -> list[Table]:
    """Return what a start costs, a table for each device. rows: the shortest start first."""
    table_list = []
    for group in group_by_device(rows):
        columns = (
            tables.list_times("import", [row.start.imports for row in group]),
            tables.list_times("set-up", [row.start.setup for row in group]),
            tables.list_times("reset", [row.start.reset for row in group]),
            tables.list_times("first epoch", [row.start.first_epoch for row in group]),
            tables.list_times("cold start", [row.time_from_cold(1) for row in group]),
            tables.list_times("warm start", [row.start.warm for row in group]),
            tables.list_numbers(
                "first timed epoch, × median", [row.start.warm_up for row in group]
            ),
        )
        table_list.append(tabulate_programs("Parts of a start", columns, COSTS_NOTE, group))
    return table_list
