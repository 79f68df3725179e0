"""Start-up: accuracy over the time from a cold start, start-up costs, and break-evens."""

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from bench.analysis import startup
from bench.analysis.intervals import compute_sign_p
from bench.analysis.startup import BreakEven, Curve, Start, TimeToAccuracy
from bench.records.schema import Case
from bench.report.charts.accuracy import chart_accuracy
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.render.numbers import format_duration, format_share
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import (
    HasCase,
    add_threads,
    describe_problem,
    list_workloads,
    select_ranked,
)
from bench.worker.workloads import TARGET_ACCURACY

Result = TypeVar("Result", bound=HasCase)

CURVES_TITLE = "Accuracy against time"
STARTS_TITLE = "What it costs to start, and when it pays"
CURVES_NOTE = (
    "Time from the start of a fresh process, including import and set-up, to the end of an epoch, "
    "and the validation accuracy at that time: median and mean over processes."
)
NOTHING_WELL = "No trial succeeded."
COSTS_NOTE = (
    "Cold start: import, set-up, reset and first epoch of a fresh process with empty compile "
    "caches. All are medians over processes, so the parts need not add up."
)
TARGET_NOTE = (
    "Time: a cold start, whose first epoch counts as epoch 1, and the timed epochs after it, up to "
    "the first with that accuracy, of the typical process; one that does not reach it counts as "
    "the slowest, and then there is no interval. Epochs: "
)
SEEDS_NOTE = (
    "least and largest over {} seeds of orders and initial weights, between which the typical seed "
    "lies with {} certainty. The interval of the time covers seeds and processes."
)
ONE_SEED_NOTE = (
    "of one seed of orders and initial weights, because all rounds share it. Another seed may need "
    "more or fewer, and the interval of the time does not cover that."
)
BREAK_EVEN_NOTE = (
    "The time of n epochs is a cold start and n - 1 steady-state epochs. At once: ahead after the "
    "first epoch. Not certain: the interval of the ratio of the two starts, or of the two epochs, "
    "includes 1, and other processes may give another answer. Each cell is judged on its own, at "
    "95 %."
)
CASE_HEADINGS = ("implementation", "objective", "style")


def describe_curves(run: LoadedRun) -> Section:
    """Return validation accuracy over the time since a cold start, for every workload."""
    tables, pictures = [], []
    for workload in list_workloads(run.rows):
        curves = startup.find_curves(select_ranked(run.rows, workload), run.records)
        tables += tabulate_curves(curves)
        if curves:
            title = f"Accuracy against time from a cold start, workload {workload}"
            draw = partial(chart_accuracy, curves, title)
            pictures.append(Picture(f"accuracy-{workload}", title, draw))
    return Section(CURVES_TITLE, tables, NOTHING_WELL, pictures)


def tabulate_curves(curves: Iterable[Curve]) -> list[Table]:
    """Return a table for each device, the first to finish its last epoch on top."""
    tables = []
    for group in _group_by_device(curves):
        epochs = max(len(curve.points) for curve in group)
        lines = []
        for curve in sorted(group, key=lambda curve: curve.points[-1].seconds.mean):
            cells = [
                f"{format_duration(point.seconds.mean)}: {format_share(point.accuracy)}"
                for point in curve.points
            ]
            absent = [numbers.ABSENT] * (epochs - len(cells))
            lines.append([*_describe_case(curve.case), *cells, *absent])
        headings = (*CASE_HEADINGS, *(f"epoch {number}" for number in range(1, epochs + 1)))
        problem = f"{group[0].case.workload}: {describe_problem(group[0])}"
        title = f"Time and accuracy after each epoch, {problem}"
        tables.append(Table(title, headings, lines, 3, CURVES_NOTE))
    return tables


def describe_starts(run: LoadedRun) -> Section:
    """Return start-up costs, times to an accuracy, and break-evens.

    Of the ranked rows of the first workload at its first size: it has most rounds.
    """
    rows = select_ranked(run.rows, run.workload)
    starts = startup.find_starts(rows, run.records)
    tables = [
        *tabulate_costs(starts),
        *tabulate_times(startup.find_times_to_accuracy(rows, run.records)),
        *tabulate_break_evens(startup.find_break_evens(rows)),
    ]
    return Section(STARTS_TITLE, tables, NOTHING_WELL)


def tabulate_costs(starts: Iterable[Start]) -> list[Table]:
    """Return what a start costs, a table for each device, the shortest start first."""
    headings = ("import", "set-up", "reset", "first epoch", "cold start", "parity error")
    tables = []
    for group in _group_by_device(starts):
        lines = [
            [
                *_describe_case(start.case),
                format_duration(start.imports),
                format_duration(start.setup),
                format_duration(start.reset),
                format_duration(start.first_epoch),
                format_duration(start.total),
                numbers.format_error(start.parity_error),
            ]
            for start in sorted(group, key=lambda start: start.total.mean)
        ]
        title = f"What a start costs, {group[0].case.workload}: {describe_problem(group[0])}"
        tables.append(Table(title, (*CASE_HEADINGS, *headings), lines, 3, COSTS_NOTE))
    return tables


def tabulate_times(times: Iterable[TimeToAccuracy]) -> list[Table]:
    """Return the time to an accuracy, a table for each device, the shortest first."""
    tables = []
    for group in _group_by_device(times):
        lines = []
        for time in sorted(group, key=lambda time: time.seconds.mean if time.seconds else math.inf):
            error = numbers.format_error(time.parity_error)
            cells = [_describe_epochs(time), format_duration(time.seconds), error]
            lines.append([*_describe_case(time.case), *cells])
        problem = f"{group[0].case.workload}: {describe_problem(group[0])}"
        title = f"Time to validation accuracy {TARGET_ACCURACY:g}, {problem}"
        headings = (*CASE_HEADINGS, "epochs", "time", "parity error")
        seeds = max(len(time.epochs) for time in group)
        note = TARGET_NOTE + ONE_SEED_NOTE
        if seeds > 1:
            certainty = numbers.format_percent(1 - compute_sign_p(0, seeds))
            note = TARGET_NOTE + SEEDS_NOTE.format(seeds, certainty)
        tables.append(Table(title, headings, lines, 3, note))
    return tables


def _describe_epochs(time: TimeToAccuracy) -> str:
    """Return the least and the largest number of epochs, and how many seeds needed more."""
    reached = sorted(epoch for epoch in time.epochs if epoch is not None)
    never = f"not within {time.timed_epochs}"
    if not reached:
        return never
    epochs = " to ".join(map(numbers.format_count, dict.fromkeys((reached[0], reached[-1]))))
    count = len(time.epochs) - len(reached)
    return f"{epochs}; {count} of {len(time.epochs)} {never}" if count else epochs


def tabulate_break_evens(break_evens: Iterable[BreakEven]) -> list[Table]:
    """Return a matrix for each problem and objective: tuned rows, simpler programs in columns."""
    groups: dict[str, list[BreakEven]] = defaultdict(list)
    for pair in break_evens:
        case = pair.tuned.case
        groups[f"{case.workload}, {case.objective}: {describe_problem(pair.tuned)}"].append(pair)
    tables = []
    for problem, group in groups.items():
        tuned = {id(pair.tuned): _describe_case(pair.tuned.case)[0] for pair in group}
        simpler = {id(pair.simpler): _describe_case(pair.simpler.case)[0] for pair in group}
        cells = {(id(pair.tuned), id(pair.simpler)): _describe_break_even(pair) for pair in group}
        lines = [
            [name, *(cells.get((row, column), numbers.ABSENT) for column in simpler)]
            for row, name in tuned.items()
        ]
        title = f"Epochs until a tuned program is ahead, start-up included, {problem}"
        headings = ("tuned, ahead of", *simpler.values())
        tables.append(Table(title, headings, lines, 1, BREAK_EVEN_NOTE))
    return tables


def _describe_break_even(break_even: BreakEven) -> str:
    """Return from which epoch on the tuned program is ahead, until when, and if it is certain."""
    epochs, until = break_even.ahead_from, break_even.ahead_until
    words = [
        "never" if epochs is None else "at once" if epochs == 1 else numbers.format_count(epochs)
    ]
    if until is not None:
        words.append(f"until {numbers.format_count(until)}")
    if not break_even.certain:
        words.append("not certain")
    return ", ".join(words)


def _describe_case(case: Case) -> list[str]:
    return [add_threads(case.implementation, case), case.objective, case.style]


def _group_by_device(results: Iterable[Result]) -> list[list[Result]]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.case.device].append(result)
    return list(groups.values())
