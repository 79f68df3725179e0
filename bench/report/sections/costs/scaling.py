"""Epoch times by batch size and threads."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bench.analysis.devices import Crossover, find_crossovers
from bench.analysis.summary import Row
from bench.analysis.sweep import ThreadSpeedup, find_sweep, find_thread_speedups
from bench.planning.threads import MIN_GAIN
from bench.records.schema import Case
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    describe_status,
    label_case,
    list_names,
    name_case,
    start_tip,
    vary_threads,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import JOINED, Picture, Section, Table
from bench.report.charts.style import BARS, COLOURS, LIMIT, alt, make_log_axis, set_title

BATCH_SIZE_TITLE = "Growth with the batch size"
THREADS_TITLE = "Growth with the number of threads"
NO_SWEEP = "Not part of this run: `softmax-bench run --sweep` varies the batch size."
NO_THREADS = "Not part of this run: `softmax-bench run --threads 1,all` varies the threads."
NOTE = "In brackets: the 95 % interval. A time without an interval was measured once."
SPEEDUP = "Speedup: the time with one thread over the time with these threads, round by round."
THREADS_NOTE = f"{SPEEDUP} Rows that were not measured in the same rounds are left out."
TRIED_NOTE = (
    f"{SPEEDUP} Other tables have only the threads that were chosen: more than one where both "
    f"processes save more than {100 * MIN_GAIN:g} % of the time (older runs: where the only one "
    "does)."
)
NOT_AT_FIRST = (
    "Batch size {:,}, at which the programs are ranked: measured with one number of threads."
)
# A speedup that the finding counts.
WORTHWHILE = 1.2
MAX_SLOWED = 5  # programs that more threads slow down, by name

# Of the chart: pixels of a panel, panels in a row, and for each device colour and dash, which
# repeats it.
_SIDE, _COLUMNS = 150, 4
_DEVICES = {"cpu": (COLOURS["idiomatic"], [1, 0]), "gpu": ("#E69F00", [6, 3])}
_LEGENDS = {"low": BARS, "roofline": "dotted: roofline"}
Points = list[dict[str, Any]]


def describe_batch_sizes(run: LoadedRun) -> Section:
    """Return a table and a chart of the epoch time over the batch size."""
    sweep = find_sweep(run.rows, run.workload)
    remarks = [f"not measured: {size.reason}" for size in run.plan.skipped]
    if not sweep:
        return Section(BATCH_SIZE_TITLE, empty=NO_SWEEP, remarks=remarks)
    title = f"Throughput over the batch size, {sweep[0].case.samples:,} samples"
    crossovers = find_crossovers(run.rows, run.workload)
    draw = partial(chart_by_batch_size, sweep, crossovers, title)
    pictures = [Picture("growth-batch-size", title, draw)]
    return Section(BATCH_SIZE_TITLE, [tabulate_batch_sizes(sweep)], "", pictures, remarks)


def describe_threads(run: LoadedRun) -> Section:
    """Return tables of the speedups over one thread."""
    remarks = [
        f"tried: {label_case(row.case)}, {numbers.format_threads(row.case.threads)}, batch size "
        f"{row.case.batch_size:,}: {describe_status(row)}"
        for row in run.tried
        if not row.ranked and row.case.workload == run.workload
    ]
    tried = find_thread_speedups(run.tried, run.workload)
    speedups = tried or find_thread_speedups(run.rows, run.workload)
    if not speedups:
        return Section(THREADS_TITLE, empty=NO_THREADS, remarks=remarks)
    table_list = tabulate_threads(speedups, TRIED_NOTE if tried else THREADS_NOTE)
    remarks += list_impossible(speedups)
    first = run.plan.cases[0].batch_size
    if first not in {pair.single.case.batch_size for pair in speedups}:
        remarks.append(NOT_AT_FIRST.format(first))
    finding = describe_thread_speedups(speedups)
    return Section(THREADS_TITLE, table_list, remarks=remarks, finding=finding)


def describe_thread_speedups(speedups: Sequence[ThreadSpeedup]) -> str:
    """Say how many programs more threads speed up by a fifth, and which they slow down.

    Each by its own interval, which misses for one in twenty. Nothing is found from single
    processes.
    """
    groups: dict[tuple[int, int], list[ThreadSpeedup]] = defaultdict(list)
    for pair in speedups:
        if pair.speedup.low is not None:
            groups[pair.multiple.case.threads, pair.multiple.case.batch_size].append(pair)
    sentences = []
    for (threads, batch_size), pairs in sorted(groups.items()):
        pairs.sort(key=lambda pair: pair.speedup.mean)
        faster = sum((pair.speedup.low or 0) > WORTHWHILE for pair in pairs)
        slower = [
            label_case(pair.single.case)
            for pair in pairs
            if pair.speedup.mean < 1 and pair.speedup.excludes(1)
        ]
        named = f": {list_names(slower, MAX_SLOWED)}" if slower else ""
        sentences.append(
            f"With {numbers.format_threads(threads)} at batch size {batch_size:,}, {faster} of "
            f"{len(pairs)} programs are more than a fifth faster than with one, and {len(slower)} "
            f"slower, each looked at by itself{named}."
        )
    return " ".join(sentences)


def list_impossible(speedups: Sequence[ThreadSpeedup]) -> list[str]:
    """Name the speedups that are larger than the number of threads."""
    return [
        f"{pair.multiple.case.implementation}, batch size {pair.multiple.case.batch_size:,}: "
        f"{numbers.format_factor(pair.speedup)}"
        f"{', measured once,' if pair.speedup.low is None else ''} is "
        f"more than {numbers.format_threads(pair.multiple.case.threads)} can bring; one of the two "
        "times was disturbed, or the program is another one with more threads."
        for pair in speedups
        if (pair.speedup.low or pair.speedup.mean) > pair.multiple.case.threads
    ]


def tabulate_batch_sizes(rows: Sequence[Row]) -> Table:
    """Return the epoch times by batch size, in one unit."""
    title = f"Epoch time by batch size: {rows[0].case.samples:,} samples"
    scale, unit = numbers.choose_unit(row.epoch for row in rows)
    texts, notes = [numbers.format_interval(row.epoch, scale) for row in rows], [NOTE]
    if vary_threads(rows):
        texts = [f"{text} ({row.case.threads})" for text, row in zip(texts, rows, strict=True)]
        notes.append("In round brackets: the threads.")
    else:
        title = f"{title}, {numbers.format_threads(rows[0].case.threads)}"
    cells = [(row.case, text, row.typical_seconds) for row, text in zip(rows, texts, strict=True)]
    return _tabulate_by_size(f"{title}, in {unit}", "{:,}", cells, " ".join(notes))


def _tabulate_by_size(
    title: str, heading: str, cells: Iterable[tuple[Case, str, float]], note: str
) -> Table:
    """Return a line for each program and a column for each batch size.

    heading: of a size. cells: with what lines are sorted by.
    """
    by_name: dict[str, dict[int, tuple[str, float | None]]] = {}
    for case, text, key in cells:
        by_name.setdefault(label_case(case), {})[case.batch_size] = text, key
    columns = [tables.list_words("program", by_name)]
    for size in sorted({size for by_size in by_name.values() for size in by_size}):
        at_size = [by_size.get(size, (numbers.ABSENT, None)) for by_size in by_name.values()]
        texts, keys = zip(*at_size, strict=True)
        columns.append(tables.Column(heading.format(size), texts, keys))
    return tables.build_table(title, columns, note, programs=list(by_name))


def tabulate_threads(speedups: Sequence[ThreadSpeedup], note: str) -> list[Table]:
    """Return a table for each number of threads and samples: programs by batch size."""
    groups: dict[tuple[int, int], list[ThreadSpeedup]] = {}
    for pair in speedups:
        case = pair.multiple.case
        groups.setdefault((case.threads, case.samples), []).append(pair)
    table_list = []
    for (threads, samples), group in sorted(groups.items()):
        scale, unit = numbers.choose_unit(
            row.epoch for pair in group for row in (pair.single, pair.multiple)
        )
        cells = [
            (pair.single.case, _describe_speedup(pair, scale), pair.speedup.mean) for pair in group
        ]
        in_words = numbers.format_threads(threads)
        title = f"Speedup with {in_words}: {samples:,} samples"
        times = f"In round brackets: {unit} an epoch with one thread, and with {in_words}."
        notes = f"{NOTE} {times} {note}"
        table_list.append(_tabulate_by_size(title, "batch size {:,}", cells, notes))
    return table_list


def _describe_speedup(pair: ThreadSpeedup, scale: float) -> str:
    """Return the speedup, and the times of which it is the ratio."""
    single, multiple = (
        numbers.format_number(row.typical_seconds * scale) for row in (pair.single, pair.multiple)
    )
    return f"{numbers.format_factor(pair.speedup)} ({single}, {multiple})"


def chart_by_batch_size(sweep: Sequence[Row], crossovers: Iterable[Crossover], title: str) -> Any:
    """Draw throughput over the batch size, a panel for each implementation.

    A vertical line marks the batch size from which on the GPU is faster than the CPU, if there is
    one within the sweep.
    """
    crossed = {
        crossover.name: crossover.size.mean
        for crossover in crossovers
        if 0 < crossover.size.mean < math.inf
    }
    points = [
        {**_make_point(row), "gpu_from": crossed.get(row.case.implementation)} for row in sweep
    ]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(*_draw_layers(points)).properties(width=_SIDE, height=_SIDE)
    subtitle = "; ".join(text for field, text in _LEGENDS.items() if _has_values(points, field))
    facet = alt.Facet("name:N", sort=names, title=None)
    panels = layers.facet(facet=facet, columns=_COLUMNS, data=alt.Data(values=points))
    width = _SIDE * min(len(names), _COLUMNS)
    return set_title(panels, title, subtitle, width).configure_axis(gridOpacity=0.5)


def _make_point(row: Row) -> dict[str, Any]:
    """Return the point of one row; low and high are None if it has no interval."""
    epoch, samples = row.epoch, row.case.samples
    assert epoch is not None  # every row of a sweep is ranked
    bounds = sorted(samples / bound for bound in (epoch.low, epoch.high) if bound is not None)
    interval = " to ".join(f"{numbers.format_number(bound)} samples/s" for bound in bounds)
    tip = [
        *start_tip(row.case),
        f"batch size {row.case.batch_size:,}",
        f"{numbers.format_number(samples / epoch.mean)} samples/s",
    ]
    if bounds:
        tip.append(f"95 % interval {interval}")
    return {
        "name": name_case(row.case),
        "device": row.case.device,
        "of": f"{label_case(row.case)}{JOINED}",
        "tip": JOINED.join(tip),
        "batch_size": row.case.batch_size,
        "samples_per_second": samples / epoch.mean,
        "low": min(bounds, default=None),
        "high": max(bounds, default=None),
        "roofline": samples / row.roofline_seconds if row.roofline_seconds else None,
    }


def _draw_layers(points: Points) -> list[Any]:
    """Return the lines, bars and points of a panel, and the crossover of the devices."""
    scale = alt.Scale(type="log", nice=False, padding=8)
    sizes = sorted({point["batch_size"] for point in points})
    x_axis = alt.Axis(values=sizes, format=",", labelOverlap="greedy")
    base = alt.Chart().encode(
        x=alt.X("batch_size:Q", scale=scale, title="batch size (log scale)", axis=x_axis)
    )
    devices = [device for device in _DEVICES if device in {point["device"] for point in points}]
    legend = alt.Legend(orient="top") if len(devices) > 1 else None
    colour, dash = (
        channel(
            "device:N", title=None, legend=legend, scale=alt.Scale(domain=devices, range=values)
        )
        for channel, values in (
            (alt.Color, [_DEVICES[device][0] for device in devices]),
            (alt.StrokeDash, [_DEVICES[device][1] for device in devices]),
        )
    )
    fields = ("samples_per_second", "low", "high", "roofline")
    y_axis = make_log_axis((point[field] for point in points for field in fields), format="~s")
    mean, low, roofline = (
        alt.Y(f"{field}:Q", scale=scale, title="samples/s (log scale)", axis=y_axis)
        for field in ("samples_per_second", "low", "roofline")
    )
    layers = []
    # A layer without data would have no scale, and Vega would warn in the console.
    if _has_values(points, "roofline"):
        roofline_colour = colour if len(devices) > 1 else alt.value(LIMIT)
        line = base.mark_line(strokeDash=[1, 3], aria=True)
        layers.append(line.encode(y=roofline, color=roofline_colour, description="of:N"))
    if _has_values(points, "low"):
        bar = base.mark_rule(strokeWidth=2, aria=True)
        layers.append(bar.encode(y=low, y2="high:Q", color=colour, description="of:N"))
    line = base.mark_line(strokeWidth=1, aria=True)
    dot = base.mark_point(size=36, filled=True, opacity=1, aria=True)
    layers += [
        line.encode(y=mean, color=colour, strokeDash=dash, description="of:N"),
        dot.encode(y=mean, color=colour, description="tip:N"),
    ]
    if _has_values(points, "gpu_from"):
        layers += _draw_crossover(scale, sizes)
    return layers


def _has_values(points: Points, field: str) -> bool:
    return any(point[field] is not None for point in points)


def _draw_crossover(scale: Any, sizes: Sequence[int]) -> list[Any]:
    """Return the vertical line from which on the GPU is faster, and its label."""
    # Every point of an implementation has the same value: draw it once.
    base = (
        alt.Chart()
        .transform_filter("isValid(datum.gpu_from)")
        .transform_aggregate(gpu_from="min(gpu_from)", groupby=["name"])
        .transform_calculate(text="'GPU from ' + format(round(datum.gpu_from), ',.3~r')")
        .encode(x=alt.X("gpu_from:Q", scale=scale))
    )
    # The label is on the side that has room for it.
    late = f"datum.gpu_from > {math.sqrt(sizes[0] * sizes[-1])}"
    label = base.mark_text(
        align=alt.expr(f"{late} ? 'right' : 'left'"),
        dx=alt.expr(f"{late} ? -4 : 4"),
        fontSize=11,
        fontWeight="bold",
    )
    return [base.mark_rule(strokeWidth=1.5), label.encode(y=alt.value(_SIDE - 8), text="text:N")]
