"""What a step costs: in each program, through each layer, and beyond its images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bench.analysis.intervals import Interval, estimate_difference
from bench.analysis.ladder import StepCost, find_batch_sizes, measure_steps
from bench.analysis.ranking import Ranking, compare_all
from bench.analysis.summary import Row
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    find_entry,
    group_by_device,
    label_case,
    list_names,
    list_workloads,
    name_case,
    pick_known,
    quote_known,
    say_once,
    select_ranked,
    select_softmax,
    tabulate_programs,
    vary_threads,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table
from bench.report.render.markdown import escape
from bench.worker.workloads import WORKLOADS

TITLE = "What does a step cost?"
STEP_NOTE = (
    "A step is one update of the weights: the epoch over the number of its batches, so it contains "
    "a share of what an epoch costs as a whole. Roofline: that of an epoch over as many steps."
)
FIXED_NOTE = (
    "Fixed: the cost of one more step if the same images are divided into more steps. It is the "
    "difference between an epoch at batch size {} and one at {}, divided by the difference between "
    "their numbers of steps, round by round, with its 95 % interval. It includes everything in a "
    "step that does not depend on the number of images, such as Python, dispatch and the update of "
    "the weights, and the lower efficiency of small matrix products. It does not include dispatch "
    "that overlaps with computation on the device. Images: the rest of a step, with its share of "
    "the fixed cost of an epoch."
)
HALF_NOTE = (
    "n½: the batch size at which half of a step is fixed cost, by the two sizes (Hockney's number "
    "for vector machines). A row that waits has none."
)
PREDICTED_NOTE = "× predicted: an epoch at another batch size over the one that both costs predict."


@dataclass(frozen=True, slots=True)
class Rung:
    """A program, and the one that it is built on, or None."""

    row: Row
    below: Row | None = None


def describe_steps(run: LoadedRun) -> Section:
    """Return the time of a step of each softmax program of the first workload at its first size.

    One-vs-rest updates once a sample: its epoch over the number of batches would be no step.
    """
    rows = select_softmax(select_ranked(run.rows, run.workload))
    costs = measure_steps(run.rows, run.plan)
    parts: list[Table] = []
    sentences: list[str] = []
    for group in group_by_device(rows):
        parts.append(tabulate_steps(group, costs, find_batch_sizes(run.plan), run.rows))
        sentences += filter(None, [escape(describe_layers(group))])
    sentences += map(escape, describe_optimizers(run))
    text, finding = "\n\n".join(sentences), describe_halves(rows, costs) or describe_step(rows)
    empty = "No softmax program can be ranked."
    return Section(TITLE, parts, empty, text=text, finding=finding)


def describe_halves(rows: Sequence[Row], costs: Mapping[str, StepCost]) -> str:
    """Say up to which batch size half of a step is overhead; empty without two batch sizes."""
    sizes = {
        row.case.slug: cost.half_size.mean
        for row in rows
        if (cost := costs.get(row.case.slug)) and cost.half_size
    }
    if len(sizes) < 2:
        return ""
    measured = [row for row in rows if row.case.slug in sizes]
    measured.sort(key=lambda row: sizes[row.case.slug])
    sizes_in_words = quote_known(
        measured, lambda row: f"about {numbers.format_number(sizes[row.case.slug], 1)}"
    )
    return f"Half of a step is overhead up to a batch of this many images: {sizes_in_words}."


def describe_optimizers(run: LoadedRun) -> Iterator[str]:
    """Say what the optimizer of another workload certainly adds to a step, round by round."""
    rows = {row.case.slug: row for row in select_ranked(run.rows, run.workload)}
    others = [name for name in list_workloads(run.rows) if name in {*WORKLOADS} - {run.workload}]
    for name in others:
        added: dict[str, Interval] = {}
        for row in pick_known(select_softmax(select_ranked(run.rows, name))):
            if plain := rows.get(replace(row.case, workload=run.workload).slug):
                rounds = row.epochs_by_round.keys() & plain.epochs_by_round.keys()
                longer = [row.epochs_by_round[n] - plain.epochs_by_round[n] for n in rounds]
                added[label_case(row.case)] = estimate_difference(longer) / row.case.steps
        texts = [
            f"{numbers.format_duration(cost)} in {program}"
            for program, cost in added.items()
            if cost.excludes(0)
        ]
        if texts:
            new, first = (
                type(WORKLOADS[workload].optimizer).__name__ for workload in (name, run.workload)
            )
            yield f"{new} in place of {first} adds to a step {list_names(texts, len(texts))}."


def describe_step(rows: Sequence[Row]) -> str:
    """Name the shortest and the longest step, and the roofline; empty for a single program."""
    if len(rows) < 2:
        return ""
    ordered = sorted(rows, key=lambda row: row.typical_seconds)
    shortest, longest = (
        f"{numbers.format_typical(row.typical_seconds / row.case.steps)} ({name_case(row.case)})"
        for row in (ordered[0], ordered[-1])
    )
    text = f"A step of {rows[0].case.batch_size:,} images takes from {shortest} to {longest}"
    text += say_once((ordered[0], ordered[-1]))
    bounds = [row.roofline_seconds / row.case.steps for row in rows if row.roofline_seconds]
    if bounds:
        text += f"; its roofline is {numbers.format_duration(min(bounds))}"
    return f"{text}."


def tabulate_steps(
    rows: Sequence[Row],
    costs: Mapping[str, StepCost],
    batch_sizes: Sequence[int],
    all_rows: Sequence[Row] = (),
) -> Table:
    """Return what a step costs, a line for each row; costs: by slug, of the first two sizes.

    all_rows: among which are those of a sweep, whose smallest size the costs predict.
    """
    steps = [row.epoch and row.epoch / row.case.steps for row in rows]
    scale, unit = numbers.choose_unit(steps)
    of_rows = [costs.get(row.case.slug) for row in rows]
    fixed = [cost.fixed if cost else None for cost in of_rows]
    images = [cost.images if cost else None for cost in of_rows]
    columns: tuple[tables.Column, ...] = (
        tables.list_numbers(f"a step, {unit}", steps, scale),
        tables.Column(
            f"fixed cost, {unit}",
            [_format_difference(value, scale) for value in fixed],
            [value.mean if value else None for value in fixed],
        ),
        tables.list_numbers(f"cost of images, {unit}", images, scale),
        tables.list_numbers(
            f"roofline, {unit}",
            [row.roofline_seconds and row.roofline_seconds / row.case.steps for row in rows],
            scale,
        ),
        tables.list_numbers("n½, images", [cost.half_size if cost else None for cost in of_rows]),
    )
    by_slug = {
        row.case.slug: row
        for row in all_rows
        if row.epoch
        and row.case.workload == rows[0].case.workload
        and row.case.batch_size not in batch_sizes[:2]
    }
    sizes = sorted({row.case.batch_size for row in by_slug.values()})
    for size in dict.fromkeys((*sizes[:1], *sizes[-1:])):  # where they hold least
        others = [by_slug.get(replace(row.case, batch_size=size).slug) for row in rows]
        predicted = [
            other.typical_seconds / cost.predict_epoch(row.case, other.case)
            if cost and other
            else None
            for row, cost, other in zip(rows, of_rows, others, strict=True)
        ]
        heading = f"epoch at batch size {size:,}, × predicted"
        columns = (*columns, tables.list_numbers(heading, predicted))
    notes = [STEP_NOTE]
    if any(of_rows):
        notes += [FIXED_NOTE.format(*batch_sizes), HALF_NOTE]
        notes += [PREDICTED_NOTE] if sizes else []
    return tabulate_programs("Time of a step", columns, " ".join(notes), rows)


def _format_difference(value: Interval | None, scale: float) -> str:
    """Return a difference of times with its interval, and whether it may be none."""
    doubt = value is not None and value.low is not None and not value.excludes(0)
    return numbers.format_interval(value, scale) + (", not told apart from 0" if doubt else "")


def list_ladders(rows: Sequence[Row]) -> list[list[Rung]]:
    """Return the rows in ladders: a program on no other one, and the layers on top of it.

    A layer follows what it is built on, and has a ladder of its own where that has no row. rows: of
    one device.
    """
    entries = [(row, entry) for row in rows if (entry := find_entry(row.case))]
    by_name = {entry.name: row for row, entry in entries}
    below = {row.case.slug: by_name.get(entry.layer_over) for row, entry in entries}

    def climb(rung: Rung) -> list[Rung]:
        above = [row for row in rows if below.get(row.case.slug) is rung.row]
        higher = [climb(Rung(row, rung.row)) for row in above]
        return [rung, *(layer for ladder in higher for layer in ladder)]

    return [climb(Rung(row)) for row in rows if below.get(row.case.slug) is None]


def describe_layers(rows: Sequence[Row]) -> str:
    """Say what a step costs in each program that has layers, and through each of these."""
    ladders = [ladder for ladder in list_ladders(rows) if len(ladder) > 1]
    if not ladders:
        return ""
    table = compare_all(rows)
    costs = "; ".join(
        ", ".join(_describe_rung(rung, table) for rung in ladder) for ladder in ladders
    )
    once = any(rung.row.succeeded == 1 for ladder in ladders for rung in ladder)
    case = rows[0].case
    where = "this machine" if case.device == "cpu" else "this machine's GPU"
    if case.device == "cpu" and not vary_threads(rows):
        where += f", with {numbers.format_threads(case.threads)},"
    return (
        f"On {where} a step of {case.batch_size:,} images costs {costs}"
        f"{'; some programs were measured once' if once else ''}."
    )


def _describe_rung(rung: Rung, table: Ranking[str]) -> str:
    """Return the time of a step in a program, or through one, and whether it differs from below."""
    assert rung.row.epoch is not None  # ranked rows have times
    step, name = rung.row.epoch / rung.row.case.steps, name_case(rung.row.case)
    time = numbers.format_typical(step)
    if rung.below is None:
        return f"{time} in {name}"
    alike = min(rung.row.succeeded, rung.below.succeeded) > 1 and not table.differ(
        rung.row.case.slug, rung.below.case.slug
    )
    doubt = f" (not told apart from {name_case(rung.below.case)})" if alike else ""
    return f"{time} through {name}{doubt}"
