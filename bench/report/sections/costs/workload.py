"""One workload: its finding, no stronger than the intervals allow, its table and its chart."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from bench.analysis.intervals import TWO_GROUPS, Interval
from bench.analysis.ranking import compare_to_fastest, find_ties
from bench.analysis.summary import Row
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_problem,
    group_by_device,
    label_case,
    name_case,
    remark_processes,
    remark_row,
    select_ranked,
    start_tip,
    vary_threads,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import JOINED, Picture, Section, Table
from bench.report.charts.style import (
    BARS,
    COLOURS,
    LIMIT,
    SHAPES,
    WIDTH,
    alt,
    make_log_axis,
    set_title,
)
from bench.report.render.markdown import escape
from bench.report.sections.verdict import write_headline
from bench.worker.workloads import Workload, get_workload, is_workload

NOTHING_WELL = "Nothing is ranked: no trial succeeded, or programs were not measured yet."
INTERVALS_NOTE = (
    "Epoch: the typical process, which is the median. × fastest: the ratio of two such. "
    "In brackets: 95 % intervals, of an epoch on its own, of × fastest for all pairs of rows at "
    "once; without one, a row was measured once, or in processes too unlike, and its place is not "
    "certain. Those of an epoch hold for the rows of the table together: of a row that is noisier "
    "than others, and has fewer than five processes, less often."
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
    "weights. Rows of a round share seeds, so it says nothing of differences between rows."
)
ONE_VS_REST_NOTE = (
    "One-vs-rest trains other mathematics and updates its weights once an image, {:,} times an "
    "epoch: it is not compared with the fastest."
)
GROUPS_NOTE = (
    f"Two groups: the slowest process takes more than {TWO_GROUPS:g} times as long as the typical "
    "one."
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column of the comparison table shows."""

    heading: str
    value: Callable[[Row], Any]  # that of RATIO takes the other rows, too
    priority: int  # where there is little room, the highest numbers are left out first
    make: Callable[[str, Iterable[Any]], tables.Column]  # takes the heading and the values


def find_accuracy(row: Row) -> Interval | float | None:
    """Return the validation accuracy, with the least and the largest if there are several seeds."""
    if len(row.accuracy_by_seed) < 2 or row.accuracy.validation is None:
        return row.accuracy.validation
    return Interval(row.accuracy.validation, min(row.accuracy_by_seed), max(row.accuracy_by_seed))


PROGRAM = Measure("program", lambda row: name_case(row.case), 1, tables.list_words)
PROCESSES = Measure("processes", remark_row, 5, tables.list_words)
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


def describe_workload(run: LoadedRun, workload: str) -> Section:
    """Return the comparison of a workload at its first size, with a chart."""
    title = f"Epoch time, workload {workload}"
    ranked = select_ranked(run.rows, workload)
    if not ranked:
        return Section(title, empty=NOTHING_WELL)
    lines = describe_run(ranked)
    if is_workload(workload):
        lines.insert(0, f"The optimizer is {describe_optimizer(get_workload(workload))}.")
    table = replace(tabulate_comparison(run.rows, ranked), note=write_note(ranked))
    picture = Picture(
        f"epoch-{workload}",
        f"Epoch time of each implementation, workload {workload}",
        partial(chart_epochs, ranked, title),
    )
    of = f" of workload {workload}" if workload != run.workload else ""
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
    notes = [INTERVALS_NOTE]
    if _has_bars(rows):
        notes.append(NEIGHBOURS_NOTE)
    if seeds:  # several models have no accuracy
        notes.append(SEEDS_NOTE.format(seeds) if seeds > 1 else ONE_SEED_NOTE)
    notes += [
        ONE_VS_REST_NOTE.format(row.case.samples)
        for row in rows
        if row.case.objective == "one-vs-rest"
    ][:1]
    if any(row.in_two_groups for row in rows):
        notes.append(GROUPS_NOTE)
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
        f"{label_case(faster.case)} and {label_case(slower.case)}" for faster, slower in pairs
    )
    return [f"These neighbours cannot be told apart: {escape(names)}."]


def select_measures(rows: Sequence[Row], max_priority: int = 99) -> list[Measure]:
    """Return the measures up to a priority; device and threads if rows need them."""
    measures = (
        PROGRAM,
        MACHINE,  # empty in a report of one run, whose table then leaves it out
        *([DEVICE] if len({row.case.device for row in rows}) > 1 else []),
        *([THREADS] if vary_threads(rows) else []),
        *MEASURES,
    )
    return [measure for measure in measures if measure.priority <= max_priority]


def list_common(rows: Sequence[Row]) -> list[str]:
    """Return the remarks that all of several rows have in common, which a table says once."""
    first, *others = [remark_row(row) for row in rows]
    return [remark for remark in first if others and all(remark in more for more in others)]


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
    compared = compare_to_fastest(all_rows)
    pairs = [compared.get((row.machine, row.case.slug), (None, None)) for row in rows]
    common, columns = list_common(rows), []
    for measure in select_measures(rows, max_priority):
        values = [measure.value(row) for row in rows]
        if measure is RATIO:
            values = [ratio for ratio, _ in pairs]
        if measure is PROCESSES:
            values = ["; ".join(text for text in texts if text not in common) for texts in values]
        if brackets == "none" or (brackets == "epoch" and measure is not EPOCH):
            values = [v.without_bounds() if isinstance(v, Interval) else v for v in values]
        columns.append(measure.make(measure.heading, values))
        if measure is RATIO:
            columns[-1] = replace(columns[-1], keys=[typical for _, typical in pairs])
    programs = [JOINED.join(filter(None, (label_case(row.case), row.machine))) for row in rows]
    leading = 2 if any(row.machine for row in rows) else 1
    return tables.build_table("", columns, programs=programs, leading=leading)


def chart_epochs(rows: Sequence[Row], title: str) -> Any:
    """Draw each row's processes and the typical one with its interval, on a logarithmic axis.

    Of a row that waits in some of its epochs, every epoch is drawn in place of the processes. A
    tick shows the roofline of each row.
    """
    points = list(map(_make_point, rows))
    styles = [style for style in COLOURS if style in {row.case.style for row in rows}]
    colour = alt.Color(
        "style:N",
        scale=alt.Scale(domain=styles, range=[COLOURS[style] for style in styles]),
        title=None,
        legend=alt.Legend(orient="top"),
    )
    shapes = alt.Scale(domain=styles, range=[SHAPES[style] for style in styles])
    axis = alt.Axis(labelFontSize=12, ticks=False, domain=False, grid=True)
    names = alt.Y("name:N", sort=[point["name"] for point in points], title=None, axis=axis)
    base = alt.Chart(alt.Data(values=points)).encode(y=names)
    times = [1e3 * time for row in rows for _, time in _list_times(row)]
    drawn = [*times, *(point["roofline"] for point in points if point["roofline"])]
    x = {
        "scale": alt.Scale(type="log", nice=False, padding=20),
        "axis": make_log_axis(drawn, format="~g"),
        "title": "epoch time, ms (log scale)",
    }
    dots = _draw_dots(base, x, colour, alt.Shape("style:N", scale=shapes, title=None))
    legend = [BARS, "rings: processes"] if _has_bars(rows) else []
    ticks = []
    if any(point["roofline"] is not None for point in points):  # a layer without data has no scale
        tick = base.transform_filter("isValid(datum.roofline)").mark_tick(
            color=LIMIT, thickness=2, aria=True
        )
        ticks.append(tick.encode(x=alt.X("roofline:Q", **x), description="of:N"))
        legend.append("ticks: roofline")
    if any(row.waits for row in rows):
        legend.append("programs that wait: a ring for each epoch")
    # The text is on the side that has room for it.
    late = f"datum.mean > {math.sqrt(min(drawn) * max(drawn))}"
    place = {"align": f"{late} ? 'right' : 'left'", "dx": f"{late} ? -9 : 9"}
    placed = {name: alt.expr(value) for name, value in place.items()}
    text = base.mark_text(dy=-7, fontSize=11, aria=True, **placed)
    text = text.encode(x=alt.X("mean:Q", **x), text="text:N", description="of:N")
    # Layers of their own: so their data are written once, and not for each of them.
    rings = _draw_rings(rows, names, x, colour)
    layers = alt.layer(rings, alt.layer(*ticks, *dots, text))
    chart = layers.properties(width=WIDTH, height=22 * len(rows))
    return set_title(chart, title, "; ".join(legend)).configure_view(stroke=None)


def _list_times(row: Row) -> list[tuple[str, float]]:
    """Return the seconds of each process of a row, or of each epoch if it waits in some."""
    if row.waits:
        return [("an epoch", seconds) for seconds in row.waits.epochs]
    return [(f"process of round {n}", seconds) for n, seconds in row.epochs_by_round.items()]


def _draw_rings(rows: Sequence[Row], names: Any, x: Mapping[str, Any], colour: Any) -> Any:
    """Return the layer of a ring for each process or epoch."""
    points = [
        {
            "name": label_case(row.case),
            "style": row.case.style,
            "ms": 1e3 * time,
            "tip": JOINED.join([*start_tip(row.case), what, numbers.format_duration(time)]),
        }
        for row in rows
        for what, time in _list_times(row)
    ]
    rings = alt.Chart(alt.Data(values=points)).mark_point(
        size=30, strokeWidth=1, opacity=0.8, aria=True
    )
    return rings.encode(y=names, x=alt.X("ms:Q", **x), color=colour, description="tip:N")


def _has_bars(rows: Iterable[Row]) -> bool:
    """Return whether a row was measured repeatedly."""
    return any(row.epoch is not None and row.epoch.low is not None for row in rows)


def _make_point(row: Row) -> dict[str, Any]:
    """Return the epoch time of a ranked row in ms, the ends of its interval, and its texts."""
    assert row.epoch is not None  # ranked rows have times
    mean, low, high = row.epoch.mean, row.epoch.low, row.epoch.high
    name, roofline = label_case(row.case), row.roofline_seconds
    tip = [*start_tip(row.case), row.case.style, f"epoch {numbers.format_duration(row.epoch)}"]
    if roofline:
        tip.append(f"roofline {numbers.format_duration(roofline)}")
    tip.append(f"{row.succeeded} processes")
    return {
        "name": name,
        "of": f"{name}{JOINED}",
        "style": row.case.style,
        "roofline": roofline and 1e3 * roofline,
        "tip": JOINED.join(tip),
        "mean": 1e3 * mean,
        "low": 1e3 * (low or mean),
        "high": 1e3 * (high or mean),
        "text": numbers.format_number(1e3 * mean) + remark_processes(row),
    }


def _draw_dots(base: Any, x: Mapping[str, Any], colour: Any, shape: Any) -> list[Any]:
    """Return the layers of each point's dot, and of the bar of its interval.

    The field tip is the tooltip of the dot, and the field of says what both are about.
    """
    bar = base.mark_rule(strokeWidth=2, aria=True)
    dot = base.mark_point(size=70, filled=True, opacity=1, aria=True)
    return [
        bar.encode(x=alt.X("low:Q", **x), x2="high:Q", color=colour, description="of:N"),
        dot.encode(x=alt.X("mean:Q", **x), color=colour, description="tip:N", shape=shape),
    ]
