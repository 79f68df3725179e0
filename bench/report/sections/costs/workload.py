"""One workload: its finding, no stronger than the intervals allow, its table and its chart."""

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bench.analysis.intervals import TWO_GROUPS
from bench.analysis.ranking import find_ties
from bench.analysis.summary import Row
from bench.report.charts.epochs import chart_epochs
from bench.report.labels import (
    ADJUSTED_NOTE,
    are_adjusted,
    describe_problem,
    group_by_device,
    label_case,
    select_ranked,
)
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section
from bench.report.render.markdown import escape
from bench.report.sections.costs.comparison import tabulate_comparison
from bench.report.sections.verdict import write_headline
from bench.worker.workloads import Workload, get_workload, is_workload

NOTHING_WELL = "Nothing is ranked: no trial succeeded, or programs were not measured yet."
INTERVALS_NOTE = (
    "Epoch: the typical process, which is the median. × fastest: the ratio of two such. "
    "In brackets: 95 % intervals, of an epoch on its own, of × fastest for all pairs of rows at "
    "once; without one, a row was measured once, or in processes too unlike, and its place is not "
    "certain."
)
NEIGHBOURS_NOTE = (
    "Neighbours with intervals differ, with 95 % certainty for the whole table, unless a sentence "
    "above names them."
)
ONE_SEED_NOTE = (
    "Accuracy: with the orders and initial weights of one seed, those of every round in which all "
    "programs have trained this number of epochs, so it has no spread."
)
SEEDS_NOTE = (
    "Accuracy: mean and, in brackets, least and largest over {} seeds of orders and initial "
    "weights. All rows of a round share a seed, so it says nothing of differences between rows."
)
ONE_VS_REST_NOTE = (
    "One-vs-rest trains other mathematics and updates its weights once an image, {:,} times an "
    "epoch: it is not compared with the fastest."
)
GROUPS_NOTE = (
    f"Two groups: the slowest process takes more than {TWO_GROUPS:g} times as long as the typical "
    "one."
)


def describe_workload(run: LoadedRun, workload: str) -> Section:
    """Return the comparison of a workload at its first size, with a chart."""
    title = f"Epoch time, workload {workload}"
    ranked = select_ranked(run.rows, workload)
    if not ranked:
        return Section(title, empty=NOTHING_WELL)
    known = get_workload(workload) if is_workload(workload) else None
    lines = [f"The optimizer is {describe_optimizer(known)}."] if known else []
    lines += describe_run(ranked)
    table = replace(tabulate_comparison(run.rows, ranked), note=write_note(ranked))
    picture = Picture(
        f"epoch-{workload}",
        f"Epoch time of each implementation, workload {workload}",
        partial(chart_epochs, ranked, title),
    )
    of = f" of workload {workload}" * (workload != run.workload)
    text, finding = "\n\n".join(lines), write_headline(ranked, of)
    return Section(title, [table], pictures=[picture], text=text, finding=finding)


def describe_optimizer(workload: Workload) -> str:
    """Return the name of an optimizer with its settings in words."""
    if workload.rates is not None:
        return f"SGD with learning rates from {workload.rates[0]:g} to {workload.rates[-1]:g}"
    settings = (
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in dataclasses.asdict(workload.optimizer).items()
    )
    return f"{type(workload.optimizer).__name__} with {', '.join(settings)}"


def write_note(rows: Sequence[Row]) -> str:
    """Say what the intervals of a table hold, and which differences its accuracies cover."""
    seeds = max(len(row.accuracy_by_seed) for row in rows)
    notes = [INTERVALS_NOTE, *[ADJUSTED_NOTE] * are_adjusted(rows)]
    notes += [NEIGHBOURS_NOTE] * any(row.epoch and row.epoch.low is not None for row in rows)
    if seeds:  # several models have no accuracy
        notes.append(SEEDS_NOTE.format(seeds) if seeds > 1 else ONE_SEED_NOTE)
    notes += [
        ONE_VS_REST_NOTE.format(row.case.samples)
        for row in rows
        if row.case.objective == "one-vs-rest"
    ][:1]
    notes += [GROUPS_NOTE] * any(row.in_two_groups for row in rows)
    return " ".join(notes)


def describe_run(rows: Sequence[Row]) -> list[str]:
    """Return Markdown paragraphs: what was measured how often, and what the noise hides."""
    problems = "; ".join(escape(describe_problem(group)) for group in group_by_device(rows))
    counts = sorted({len(row.epochs_by_round) for row in rows})
    processes = f"{' or '.join(map(str, counts))} process{'es' if counts != [1] else ''}"
    return [
        f"Measured: {problems}; {processes} of each program.",
        *describe_ties(rows),
    ]


def describe_ties(rows: Sequence[Row]) -> list[str]:
    """Name the neighbours whose difference is not certain."""
    pairs = find_ties([row for row in rows if row.epoch and row.epoch.low is not None])
    if not pairs:
        return []
    names = ", ".join(
        f"{label_case(one.case)} and {label_case(other.case)}" for one, other in pairs
    )
    return [f"These neighbours cannot be told apart: {escape(names)}."]
