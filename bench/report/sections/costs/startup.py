"""Start-up: what a start costs, and who is done first with kept caches."""

import math
from collections.abc import Iterable, Sequence

from bench.analysis import startup
from bench.analysis.summary import Row
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    group_by_device,
    quote_known,
    select_ranked,
    select_softmax,
    tabulate_programs,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table
from bench.report.render.markdown import escape
from bench.report.sections.verdict import write_frontier

TITLE = "What a start costs"
COSTS_NOTE = (
    "Cold start: import, set-up, reset and first epoch of a fresh process with empty compile "
    "caches. All are medians over processes, so the parts need not add up. Warm start: the same of "
    "a process with the compile caches that another process of the program left, for programs that "
    "leave one; without an interval it was measured once. First timed epoch: it "
    "follows the first epoch, and is divided by the median one of its process. Where its interval "
    "lies above 1, a program is not warm yet after one epoch."
)


def describe_starts(run: LoadedRun) -> Section:
    """Return what a start costs, of the ranked rows of the first workload at its first size."""
    rows = [row for row in select_ranked(run.rows, run.workload) if row.start.by_round]
    rows.sort(key=find_start)
    finding = ""
    if len(rows) > 1:
        times = quote_known(rows, lambda row: numbers.format_typical(find_start(row)))
        finding = f"Ready after the first epoch: {times}."
    text = escape(describe_warm(select_softmax(rows)))
    return Section(TITLE, tabulate_costs(rows), "No trial succeeded.", text=text, finding=finding)


def find_start(row: Row) -> float:
    """Return the seconds from a cold start until an epoch is trained; infinite if unknown."""
    seconds = row.time_from_cold(1)
    return seconds.mean if seconds else math.inf


def describe_warm(rows: Sequence[Row]) -> str:
    """Say which program is done first with how many epochs where compile caches were kept."""
    if not any(row.start.warm_by_round for row in rows):
        return ""
    frontier = write_frontier(startup.find_frontier([row.start_warm() for row in rows]))
    return f"With the compile caches of an earlier process: {frontier}."


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
