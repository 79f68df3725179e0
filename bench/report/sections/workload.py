"""One workload: its finding, no stronger than the intervals allow, its table and its charts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from bench.analysis.noise import Noise
from bench.analysis.ranking import compare_epochs, find_leaders, find_ties, select_comparable
from bench.analysis.summary import TWO_GROUPS, Row, sort_key
from bench.records.schema import Environment
from bench.report.charts.epochs import chart_cold_start, chart_epochs, sum_cold_start
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.render.markdown import escape
from bench.report.sections import Picture, Section
from bench.report.sections.comparison import (
    add_device,
    describe_problem,
    select_ranked,
    tabulate_comparison,
)
from bench.report.sections.machines import CROWDED, MAX_COLUMNS
from bench.worker.workloads import WORKLOADS

NOTHING = "No result can be ranked."
NOTHING_WELL = "No trial of this workload succeeded; see below."
INTERVALS_NOTE = (
    "Epoch: the typical process, which is the median. × fastest: the typical ratio within a round. "
    "In brackets: the 95 % interval of each on its own; without one, a row was measured once and "
    "its place is not certain."
)
NEIGHBOURS_NOTE = (
    "Neighbours with intervals differ, with 95 % certainty for the whole table (Holm's procedure), "
    "unless a sentence above names them."
)
ONE_SEED_NOTE = "Accuracy: all rounds share one seed, so it has no spread."
SEEDS_NOTE = (
    "Accuracy: mean and, in brackets, least and largest over {} seeds of orders and initial "
    "weights. All rows of a round share a seed: differences between rows are smaller than that."
)
GROUPS_NOTE = (
    f"Two groups: the slowest process takes more than {TWO_GROUPS:g} times as long as the typical "
    "one; the chart shows all processes."
)
# A sentence names at most this many; the table has all of them.
MAX_NAMES = 3


def describe_workload(runs: Sequence[LoadedRun], workload: str) -> Section:
    """Return the comparison of a workload at its first size; with charts if there is one run."""
    known = WORKLOADS.get(workload)
    title = f"Workload {workload}: {known.optimizer}" if known else f"Workload {workload}"
    by_run = [(run, rows) for run in runs if (rows := select_ranked(run.rows, workload))]
    if not by_run:
        return Section(title, empty=NOTHING_WELL)
    findings = [line for run, rows in by_run for line in describe_findings(run, rows)]
    if len(runs) > MAX_COLUMNS:
        findings = [CROWDED]
    ranked = [row for _, rows in by_run for row in rows]
    table = tabulate_comparison([row for run in runs for row in run.rows], ranked)
    table = replace(table, note=write_note(ranked))
    pictures = []
    if len(runs) == 1:
        by_start = sorted(ranked, key=sum_cold_start)
        pictures = [
            Picture(
                f"epoch-{workload}",
                f"Epoch time of each implementation, workload {workload}",
                partial(chart_epochs, ranked, f"Epoch time, workload {workload}"),
            ),
            Picture(
                f"cold-start-{workload}",
                f"Time from a cold start to five epochs of each implementation, workload "
                f"{workload}",
                partial(chart_cold_start, by_start, f"Cold start, workload {workload}"),
            ),
        ]
    return Section(title, [table], pictures=pictures, text="\n\n".join(findings))


def write_note(rows: Sequence[Row]) -> str:
    """Say what the intervals of a table hold, and which differences its accuracies cover."""
    seeds = max(len(row.accuracy_by_seed) for row in rows)
    notes = [INTERVALS_NOTE]
    notes += [NEIGHBOURS_NOTE] * any(row.epoch and row.epoch.low is not None for row in rows)
    notes.append(SEEDS_NOTE.format(seeds) if seeds > 1 else ONE_SEED_NOTE)
    notes += [GROUPS_NOTE] * any(row.in_two_groups for row in rows)
    return " ".join(notes)


def describe_findings(run: LoadedRun, rows: Sequence[Row]) -> list[str]:
    """Return Markdown paragraphs: the headline of a workload, and what the noise hides.

    A report of several runs has one paragraph for each run, with its name.
    """
    problems = "; ".join(dict.fromkeys(escape(describe_problem(row)) for row in rows))
    machine = find_machine(run.environments)
    counts = sorted({len(row.epochs_by_round) for row in rows})
    rounds = f"{' or '.join(map(str, counts))} process{'es' if counts != [1] else ''} a row"
    headline = f"{write_headline(rows, machine)} ({problems}; {rounds}.)"
    lines = [headline, *describe_noisy_pairs(rows, run.noise), *describe_groups(rows)]
    if not rows[0].machine:
        return lines
    name = [] if run.name == machine else [f"{escape(run.name)}:"]
    return [" ".join([*name, *lines])]


def describe_noisy_pairs(rows: Sequence[Row], noise: Noise) -> list[str]:
    """Name the neighbours whose difference is not certain, and what disturbed the run."""
    pairs = find_ties([row for row in rows if row.epoch and row.epoch.low is not None])
    if not pairs:
        return []

    def name(row: Row) -> str:
        return escape(add_device(row.case.implementation, row.case.device))

    names = ", ".join(f"{name(faster)} and {name(slower)}" for faster, slower in pairs)
    # A disturbance of the GPU does not affect rows of the CPU.
    on_gpu = any(row.case.device == "gpu" for pair in pairs for row in pair)
    if causes := (noise if on_gpu else replace(noise, gpu_causes=())).causes:
        problem = f"**The machine was too noisy** ({', '.join(causes)})"
    else:
        problem = "There are too few processes"
    return [f"{problem} to rank these pairs: {names}."]


def describe_groups(rows: Sequence[Row]) -> list[str]:
    """Name the rows whose processes fall into two groups."""
    names = [
        escape(add_device(row.case.implementation, row.case.device))
        for row in rows
        if row.in_two_groups
    ]
    if not names:
        return []
    return [f"The processes of these rows fall into two groups: {', '.join(names)}."]


def write_headline(rows: Sequence[Row], machine: str | None = None) -> str:
    """Name the fastest implementation on each device, its lead, and its parity with the oracle.

    With two devices, also say which of them is faster. Return Markdown.

    rows: of one workload at one size, the fastest first. machine: its name, if it is known.
    """
    fastest: dict[str, Row] = {}
    for row in rows:
        if row.ranked and row.case.objective == "softmax":
            fastest.setdefault(row.case.device, row)
    if not fastest:
        return NOTHING
    sentences: list[str] = []
    for device, row in fastest.items():
        places = [f"the {device.upper()}"] if len(fastest) > 1 else []
        if machine and not sentences:
            places.append(f"this {escape(machine)}")
        opening = f"On {' of '.join(places)}, " if places else ""
        sentences.append(opening + _describe_fastest(select_comparable(rows, row)))
    return " ".join([*sentences, *_compare_devices(fastest)])


def find_machine(environments: Mapping[str, Environment]) -> str | None:
    """Return the machine's name, or None if there are several machines or no name."""
    machines = {(one.machine.get("id"), one.machine.get("name")) for one in environments.values()}
    name = next(iter(machines))[1] if len(machines) == 1 else None
    return str(name) if name else None


def _compare_devices(fastest: Mapping[str, Row]) -> list[str]:
    """Compare the fastest of both devices; say nothing if they were measured once."""
    if not {"cpu", "gpu"} <= fastest.keys():
        return []
    speedup = compare_epochs(fastest["cpu"], fastest["gpu"])
    if speedup is None or speedup.low is None or speedup.high is None:
        return []
    if speedup.low <= 1 <= speedup.high:
        return ["The data do not show which device is faster."]
    slower, faster = ("cpu", "gpu") if speedup.low > 1 else ("gpu", "cpu")
    ratio = _format_ratio(fastest[slower], fastest[faster])
    slower, faster = (f"fastest on the {device.upper()}" for device in (slower, faster))
    return [f"The {faster} is {ratio} times as fast as the {slower}."]


def _describe_fastest(rows: Sequence[Row]) -> str:
    """Describe the fastest of the rows, which must be comparable and not empty."""
    best = find_leaders(rows)
    first = best[0]
    name, time = _emphasize(first), numbers.format_duration(first.epoch)
    if len(rows) == 1:
        text = f"{name} is the only result that can be ranked: {time} an epoch"
    elif first.epoch is not None and first.epoch.low is None:
        best = [first]
        text = (
            f"{name} had the shortest epoch, {time}. It was measured once: the order is not certain"
        )
    elif len(best) == 1:
        # Keras's fit on its best and its worst backend; without Keras, the slowest row.
        rest = sorted((row for row in rows if row is not first), key=sort_key)
        keras = [row for row in rest if _is_keras_fit(row)]
        opponents = [keras[0], keras[-1]] if len(keras) > 1 else keras or rest[-1:]
        best = [first, *opponents]
        text = f"{name} trains fastest: {time} an epoch, {_describe_lead(first, opponents)}"
    else:
        *names, last = [
            f"{_emphasize(row)} ({numbers.format_duration(row.epoch)} an epoch)"
            for row in best[:MAX_NAMES]
        ]
        if len(best) > MAX_NAMES:
            names, last = [*names, last], f"{len(best) - MAX_NAMES} more"
        text = (
            f"{', '.join(names)} and {last} are fastest; "
            "the data do not show a difference between them"
        )
    return text + _describe_parity(best)


def _is_keras_fit(row: Row) -> bool:
    return row.case.framework == "keras" and row.case.style == "idiomatic"


def _describe_lead(best: Row, opponents: Sequence[Row]) -> str:
    """Say how many times as fast as the opponents the fastest is."""
    first, last = opponents[0], opponents[-1]
    ratio, name = _format_ratio(first, best), _emphasize(first)
    if not _is_keras_fit(first):
        return f"{ratio} times as fast as the slowest, {name}"
    if len(opponents) == 1:
        return f"{ratio} times as fast as Keras's fit ({name})"
    return (
        f"{ratio} ({name}) to {_format_ratio(last, best)} ({_emphasize(last)}) "
        "times as fast as Keras's fit"
    )


def _describe_parity(rows: Sequence[Row]) -> str:
    """End the sentence; give the largest parity error if every row has one."""
    errors = [row.parity_error for row in rows if row.parity_error is not None]
    if len(errors) < len(rows):
        return "."
    weights = "Its weights agree" if len(rows) == 1 else "Their weights agree"
    return f". {weights} with the float64 oracle's to {numbers.format_error(max(errors))}."


def _format_ratio(slower: Row, faster: Row) -> str:
    return numbers.format_factor(compare_epochs(slower, faster))


def _emphasize(row: Row) -> str:
    return f"**{escape(row.case.implementation)}**"
