"""Start-up: what a start costs, who is done first after how many epochs, and accuracy over time."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TypeVar

from bench.analysis import startup
from bench.analysis.intervals import Interval, compute_sign_p
from bench.analysis.startup import BreakEven, Curve, Start, TimeToAccuracy
from bench.analysis.summary import Row
from bench.records.schema import Case
from bench.report.charts.accuracy import chart_accuracy
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table, tables
from bench.report.sections.costs.comparison import (
    EPOCHS,
    HasCase,
    add_threads,
    describe_problem,
    label_case,
    list_names,
    list_workloads,
    name_case,
    select_ranked,
    time_from_cold,
)
from bench.report.sections.verdict import MAX_NAMES, select_softmax, write_frontier
from bench.worker.workloads import TARGET_ACCURACY

Result = TypeVar("Result", bound=HasCase)

CURVES_TITLE = "Accuracy over the epochs, and the time to it"
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
CURVES_NOTE = "Validation accuracy: mean over the processes."
COSTS_NOTE = (
    "Cold start: import, set-up, reset and first epoch of a fresh process with empty compile "
    "caches. All are medians over processes, so the parts need not add up. First timed epoch: it "
    "follows the first epoch, and is divided by the median one of its process. Where its interval "
    "lies above 1, a program is not warm yet after one epoch."
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
    "The number of epochs from which on the tuned program is done before the other, start "
    "included. 1: from the first epoch. Uncertain: the interval of the ratio of the two starts, or "
    "of the two epochs, includes 1, and other processes may give another answer. Each cell is "
    "judged on its own, at 95 %."
)


def describe_curves(run: LoadedRun) -> Section:
    """Return the validation accuracy after each epoch, and the times to a fixed accuracy."""
    shown, pictures, finding = [], [], ""
    for workload in list_workloads(run.rows):
        rows = select_ranked(run.rows, workload)
        curves = startup.find_curves(rows, run.records)
        times = startup.find_times_to_accuracy(rows, run.records)
        shown += [*tabulate_curves(curves), *tabulate_times(times)]
        if workload == run.workload:
            finding = describe_epochs(times)
        if curves:
            title = f"Accuracy over the epochs, workload {workload}"
            draw = partial(chart_accuracy, curves, title)
            pictures.append(Picture(f"accuracy-{workload}", title, draw))
    return Section(CURVES_TITLE, shown, NOTHING_WELL, pictures, finding=finding)


def describe_epochs(times: Iterable[TimeToAccuracy]) -> str:
    """Say after how many epochs the softmax programs reach the accuracy; empty unless all do."""
    softmax = [time for time in times if time.case.objective == "softmax"]
    reached = sorted({epoch for time in softmax for epoch in time.epochs if epoch is not None})
    if len(softmax) < 2 or any(None in time.epochs for time in softmax):
        return ""
    epochs = " to ".join(map(str, dict.fromkeys((reached[0], reached[-1]))))
    seeds = max(len(time.epochs) for time in softmax)
    over = f"over {seeds} seeds" if seeds > 1 else "with the one seed of this run"
    return (
        f"All {len(softmax)} softmax programs reach a validation accuracy of "
        f"{TARGET_ACCURACY:g} after {epochs} epochs, {over}."
    )


def tabulate_curves(curves: Iterable[Curve]) -> list[Table]:
    """Return a line for each group of programs that have the same accuracies; none without any."""
    groups: dict[tuple[str, ...], list[Curve]] = defaultdict(list)
    for curve in curves:
        accuracies = tuple(numbers.format_share(point.accuracy) for point in curve.points)
        groups[accuracies].append(curve)
    if not groups:
        return []
    epochs = max(map(len, groups))
    first = next(iter(groups.values()))[0]
    names = [
        list_names([_name(curve.case) for curve in group], MAX_NAMES) for group in groups.values()
    ]
    columns = [tables.list_words("program", names)]
    columns += [
        tables.list_accuracies(
            f"epoch {number}",
            [
                group[0].points[number - 1].accuracy if number <= len(group[0].points) else None
                for group in groups.values()
            ],
        )
        for number in range(1, epochs + 1)
    ]
    title = f"Validation accuracy after each epoch, workload {first.case.workload}"
    return [tables.build_table(title, columns, CURVES_NOTE)]


def describe_starts(run: LoadedRun) -> Section:
    """Return what a start costs, of the ranked rows of the first workload at its first size."""
    starts = startup.find_starts(select_ranked(run.rows, run.workload), run.records)
    finding = ""
    if len(starts) > 1:
        shortest, longest = (
            pick(starts, key=lambda start: start.total.mean) for pick in (min, max)
        )
        finding = (
            f"A cold start takes from {numbers.format_duration(shortest.total)} "
            f"({name_case(shortest.case)}) to {numbers.format_duration(longest.total)} "
            f"({name_case(longest.case)})."
        )
    return Section(STARTS_TITLE, tabulate_costs(starts), NOTHING_WELL, finding=finding)


def describe_first(run: LoadedRun) -> Section:
    """Return the time of many epochs from a cold start, and from when on tuned programs are ahead.

    Of the ranked rows of the first workload at its first size: it has most rounds.
    """
    rows = select_ranked(run.rows, run.workload)
    shown = [*tabulate_totals(rows), *tabulate_break_evens(startup.find_break_evens(rows))]
    softmax = select_softmax(rows)
    stretches = startup.find_frontier(softmax)
    finding = f"{write_frontier(stretches)}." if stretches and len(softmax) > 1 else ""
    return Section(FIRST_TITLE, shown, NOTHING_WELL, finding=finding)


def add_uncertainty(text: str, *, certain: bool) -> str:
    """Return a text, marked if other processes may give another answer."""
    return text if certain else f"{text} (uncertain)"


def tabulate_totals(rows: Sequence[Row]) -> list[Table]:
    """Return the seconds until many epochs are trained, the first after five on top."""
    shown = []
    for device in dict.fromkeys(row.case.device for row in rows):
        group = [row for row in rows if row.case.device == device and row.start_by_round]
        group.sort(key=lambda row: _order_by(time_from_cold(row, EPOCHS)))
        if not group:
            continue
        columns = [_list_programs(group)]
        columns += [
            tables.list_numbers(
                f"{count:,} epoch{'s' * (count > 1)}, s",
                [time_from_cold(row, count) for row in group],
            )
            for count in MANY_EPOCHS
        ]
        columns.append(tables.list_words("style", [row.case.style for row in group]))
        title = f"Time from a cold start, workload {group[0].case.workload}: "
        title += describe_problem(group[0])
        shown.append(_build_table(title, columns, TOTALS_NOTE, group))
    return shown


def _order_by(seconds: Interval | None) -> float:
    return seconds.mean if seconds else math.inf


def tabulate_costs(starts: Iterable[Start]) -> list[Table]:
    """Return what a start costs, a table for each device, the shortest start first."""
    shown = []
    for group in _group_by_device(starts):
        group.sort(key=lambda start: start.total.mean)
        columns = (
            _list_programs(group),
            tables.list_times("import", [start.imports for start in group]),
            tables.list_times("set-up", [start.setup for start in group]),
            tables.list_times("reset", [start.reset for start in group]),
            tables.list_times("first epoch", [start.first_epoch for start in group]),
            tables.list_times("cold start", [start.total for start in group]),
            tables.list_numbers("first timed epoch, × median", [start.warm_up for start in group]),
            tables.list_words("style", [start.case.style for start in group]),
        )
        title = f"Parts of a start, workload {group[0].case.workload}: {describe_problem(group[0])}"
        shown.append(_build_table(title, columns, COSTS_NOTE, group))
    return shown


def tabulate_times(times: Iterable[TimeToAccuracy]) -> list[Table]:
    """Return the time to an accuracy, a table for each device, the shortest first."""
    shown = []
    for group in _group_by_device(times):
        group.sort(key=lambda time: _order_by(time.seconds))
        columns = (
            _list_programs(group),
            tables.list_times("time", [time.seconds for time in group]),
            tables.list_words("epochs", map(_describe_epochs, group)),
            tables.list_words("style", [time.case.style for time in group]),
        )
        problem = f"workload {group[0].case.workload}: {describe_problem(group[0])}"
        title = f"Time to validation accuracy {TARGET_ACCURACY:g}, {problem}"
        seeds = max(len(time.epochs) for time in group)
        note = TARGET_NOTE + ONE_SEED_NOTE
        if seeds > 1:
            certainty = numbers.format_percent(1 - compute_sign_p(0, seeds))
            note = TARGET_NOTE + SEEDS_NOTE.format(seeds, certainty)
        shown.append(_build_table(title, columns, note, group))
    return shown


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
        groups[f"workload {case.workload}: {describe_problem(pair.tuned)}"].append(pair)
    shown = []
    for problem, group in groups.items():
        tuned = {id(pair.tuned): _name(pair.tuned.case) for pair in group}
        simpler = {id(pair.simpler): _name(pair.simpler.case) for pair in group}
        cells = {(id(pair.tuned), id(pair.simpler)): _describe_break_even(pair) for pair in group}
        lines = [
            [name, *(cells.get((row, column), numbers.ABSENT) for column in simpler)]
            for row, name in tuned.items()
        ]
        title = f"From which epoch on a tuned program is ahead, {problem}"
        headings = ("tuned, ahead of", *simpler.values())
        shown.append(Table(title, headings, lines, 1, BREAK_EVEN_NOTE))
    return shown


def _describe_break_even(break_even: BreakEven) -> str:
    """Return from which epoch on the tuned program is ahead, until when, and if it is certain."""
    epochs, until = break_even.ahead_from, break_even.ahead_until
    text = "never" if epochs is None else f"{epochs:,}"
    if until is not None:
        text += f" to {until:,}"
    return add_uncertainty(text, certain=break_even.certain)


def _name(case: Case) -> str:
    return add_threads(name_case(case), case)


def _build_table(
    title: str, columns: Iterable[tables.Column], note: str, results: Sequence[HasCase]
) -> Table:
    programs = [label_case(result.case) for result in results]
    return tables.build_table(title, columns, note, programs=programs)


def _list_programs(results: Sequence[HasCase]) -> tables.Column:
    return tables.list_words("program", [_name(result.case) for result in results])


def _group_by_device(results: Iterable[Result]) -> list[list[Result]]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.case.device].append(result)
    return list(groups.values())
