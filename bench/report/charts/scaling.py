"""Charts of epochs by batch size, samples and threads."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from bench.analysis.devices import Crossover
from bench.analysis.intervals import Interval
from bench.analysis.summary import Row
from bench.analysis.sweep import Sweep, ThreadSpeedup
from bench.records.schema import Case
from bench.report.charts.style import (
    BARS,
    COLOURS,
    JOINED,
    LIMIT,
    bound_interval,
    draw_dots,
    encode_names,
    finish_panels,
    has_bars,
    make_log_axis,
)
from bench.report.render.numbers import (
    format_duration,
    format_factor,
    format_number,
    format_threads,
)
from bench.report.sections.costs.comparison import label_case, name_case

_SIDE = 150
_COLUMNS = 4
# Dashes repeat the colours.
_DEVICES = {"cpu": (COLOURS["idiomatic"], [1, 0]), "gpu": ("#E69F00", [6, 3])}
# A colour and a shape for each size, in order; more sizes share the last.
_SIZES = (
    ("#0072B2", "circle"),
    ("#D55E00", "diamond"),
    ("#009E73", "square"),
    ("#CC79A7", "triangle-up"),
    ("#56B4E9", "triangle-down"),
    ("#999999", "cross"),
)
THREADS_SUBTITLE = "grey: one thread; dashed: speedup equal to the number of threads"
Points = list[dict[str, Any]]


class _Axes(NamedTuple):
    """What a chart varies along x, and what it shows along y.

    value: returns what y shows, from an epoch's seconds and samples. describe: returns it as text.
    """

    varied: Literal["batch_size", "samples"]
    x_title: str
    x_format: str
    field: str
    y_title: str
    value: Callable[[float, int], float]
    describe: Callable[[float], str]


_BATCH_SIZES = _Axes(
    varied="batch_size",
    x_title="batch size (log scale)",
    x_format=",",
    field="samples_per_second",
    y_title="samples/s (log scale)",
    value=lambda seconds, samples: samples / seconds,
    describe=lambda value: f"{format_number(value)} samples/s",
)
_SAMPLES = _Axes(
    varied="samples",
    x_title="samples (log scale)",
    x_format="~s",
    field="epoch_ms",
    y_title="epoch, ms (log scale)",
    value=lambda seconds, _: seconds * 1e3,
    describe=lambda value: format_duration(value / 1e3),
)


def chart_by_batch_size(sweep: Sweep, crossovers: Iterable[Crossover], title: str) -> Any:
    """Draw throughput over the batch size, a panel for each implementation.

    A vertical line marks the batch size from which on the GPU is faster than the CPU, if there is
    one within the sweep.
    """
    crossed = {
        crossover.name: crossover.batch_size.mean
        for crossover in crossovers
        if 0 < crossover.batch_size.mean < math.inf
    }
    points = [
        {**_make_point(row, _BATCH_SIZES), "gpu_from": crossed.get(row.case.implementation)}
        for row in sweep.by_batch_size
    ]
    return _chart_panels(points, _BATCH_SIZES, title)


def chart_by_samples(sweep: Sweep, title: str) -> Any:
    """Draw epoch time over the samples, a panel for each implementation."""
    return _chart_panels([_make_point(row, _SAMPLES) for row in sweep.by_samples], _SAMPLES, title)


def _make_point(row: Row, axes: _Axes) -> dict[str, Any]:
    """Return the point of one row; low and high are None if it has no interval."""
    epoch, samples = row.epoch, row.case.samples
    assert epoch is not None  # every row of a sweep is ranked
    bounds = [axes.value(bound, samples) for bound in (epoch.low, epoch.high) if bound is not None]
    size = getattr(row.case, axes.varied)
    tip = [
        label_case(row.case),
        format_threads(row.case.threads),
        f"{axes.varied.replace('_', ' ')} {size:,}",
        axes.describe(axes.value(epoch.mean, samples)),
        *[f"95 % interval {' to '.join(map(axes.describe, sorted(bounds)))}"] * bool(bounds),
    ]
    return {
        "name": name_case(row.case),
        "device": row.case.device,
        "of": JOINED.join([label_case(row.case), ""]),
        "tip": JOINED.join(tip),
        axes.varied: size,
        axes.field: axes.value(epoch.mean, samples),
        "low": min(bounds, default=None),
        "high": max(bounds, default=None),
        "roofline": axes.value(row.roofline_seconds, samples) if row.roofline_seconds else None,
    }


def _chart_panels(points: Points, axes: _Axes, title: str) -> Any:
    import altair as alt

    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(*_draw_layers(points, axes)).properties(width=_SIDE, height=_SIDE)
    legends = {"low": BARS, "roofline": "dotted: roofline"}
    subtitle = "; ".join(text for field, text in legends.items() if _has_values(points, field))
    facet = alt.Facet("name:N", sort=names, title=None)
    panels = layers.facet(facet=facet, columns=_COLUMNS, data=alt.Data(values=points))
    return finish_panels(panels, title, subtitle).configure_axis(gridOpacity=0.5)


def _draw_layers(points: Points, axes: _Axes) -> list[Any]:
    """Return the lines, bars and points of a panel, and the crossover of the devices."""
    import altair as alt

    scale = alt.Scale(type="log", nice=False, padding=8)
    sizes = sorted({point[axes.varied] for point in points})
    x_axis = alt.Axis(values=sizes, format=axes.x_format, labelOverlap="greedy")
    base = alt.Chart().encode(
        x=alt.X(f"{axes.varied}:Q", scale=scale, title=axes.x_title, axis=x_axis)
    )
    devices = [device for device in _DEVICES if device in {point["device"] for point in points}]
    marks = [_DEVICES[device] for device in devices]
    colours, dashes = [colour for colour, _ in marks], [dash for _, dash in marks]
    legend = alt.Legend(orient="top") if len(devices) > 1 else None
    colour, dash = (
        channel(
            "device:N", title=None, legend=legend, scale=alt.Scale(domain=devices, range=values)
        )
        for channel, values in ((alt.Color, colours), (alt.StrokeDash, dashes))
    )
    fields = (axes.field, "low", "high", "roofline")
    y_axis = make_log_axis((point[field] for point in points for field in fields), format="~s")
    mean, low, roofline = (
        alt.Y(f"{field}:Q", scale=scale, title=axes.y_title, axis=y_axis)
        for field in (axes.field, "low", "roofline")
    )
    roofline_colour = colour if len(devices) > 1 else alt.value(LIMIT)
    layers = []
    # A layer without data would have no scale, and Vega would warn in the console.
    if _has_values(points, "roofline"):
        layers.append(
            base.mark_line(strokeDash=[1, 3], aria=True).encode(
                y=roofline, color=roofline_colour, description="of:N"
            )
        )
    if _has_values(points, "low"):
        layers.append(
            base.mark_rule(strokeWidth=2, aria=True).encode(
                y=low, y2="high:Q", color=colour, description="of:N"
            )
        )
    layers += [
        base.mark_line(strokeWidth=1, aria=True).encode(
            y=mean, color=colour, strokeDash=dash, description="of:N"
        ),
        base.mark_point(size=36, filled=True, opacity=1, aria=True).encode(
            y=mean, color=colour, description="tip:N"
        ),
    ]
    if _has_values(points, "gpu_from"):
        layers += _draw_crossover(scale, sizes)
    return layers


def _has_values(points: Points, field: str) -> bool:
    return any(point.get(field) is not None for point in points)


def _draw_crossover(scale: Any, sizes: Sequence[int]) -> list[Any]:
    """Return the vertical line from which on the GPU is faster, and its label."""
    import altair as alt

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
        fontSize=10,
        fontWeight="bold",
    )
    return [base.mark_rule(strokeWidth=1.5), label.encode(y=alt.value(_SIDE - 8), text="text:N")]


def chart_by_threads(speedups: Sequence[ThreadSpeedup], title: str) -> Any:
    """Draw the speedup over one thread: a dot for each size, a panel for each number of threads."""
    import altair as alt

    points = [_make_speedup(pair.multiple.case, pair.speedup) for pair in speedups]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    by_size = sorted(points, key=lambda point: (point["batch_size"], point["samples"]))
    sizes = list(dict.fromkeys(str(point["size"]) for point in by_size))
    marks = [_SIZES[min(number, len(_SIZES) - 1)] for number in range(len(sizes))]
    colours, shapes = (
        alt.Scale(domain=sizes, range=list(values)) for values in zip(*marks, strict=True)
    )
    legend = alt.Legend(orient="top", labelLimit=300)
    colour = alt.Color("size:N", title=None, legend=legend, scale=colours)
    shape = alt.Shape("size:N", title=None, scale=shapes)
    base = alt.Chart().encode(
        y=encode_names(names),
        yOffset=alt.YOffset("size:N", sort=sizes),
    )
    bars = has_bars(pair.speedup for pair in speedups)
    dots = draw_dots(
        base,
        "times",
        x={
            "scale": alt.Scale(zero=True, nice=False, padding=10),
            "title": "speedup over one thread",
        },
        colour=colour,
        size=60,
        shape=shape,
    )
    # Aggregated to one row, so that each line is drawn once a panel, not once a point.
    panel = alt.Chart().transform_aggregate(groupby=["threads"]).transform_calculate(one="1")
    layers = alt.layer(
        panel.mark_rule(color="#999999", strokeWidth=1.5).encode(x="one:Q"),
        panel.mark_rule(strokeDash=[4, 3], color=LIMIT).encode(x="threads:Q"),
        *dots,
    )
    panels = len({point["threads"] for point in points})
    faceted = layers.properties(width=520 / panels, height=22 * len(names)).facet(
        column=alt.Column("panel:N", title=None), data=alt.Data(values=points)
    )
    faceted = faceted.resolve_scale(x="independent")
    subtitle = f"{THREADS_SUBTITLE}; {BARS}" if bars else THREADS_SUBTITLE
    return finish_panels(faceted, title, subtitle).configure_view(stroke=None)


def _make_speedup(case: Case, speedup: Interval) -> dict[str, Any]:
    """Return the point of one speedup over one thread."""
    low, high = bound_interval(speedup)
    name = label_case(case)
    size = f"batch size {case.batch_size:,}, {case.samples:,} samples"
    speedup_text = f"{format_factor(speedup)} × as fast as one thread"
    return {
        "name": name,
        "of": JOINED.join([name, ""]),
        "threads": case.threads,
        "batch_size": case.batch_size,
        "samples": case.samples,
        "panel": f"{case.threads} threads",
        "size": size,
        "tip": JOINED.join([name, size, format_threads(case.threads), speedup_text]),
        "times": speedup.mean,
        "low": low,
        "high": high,
    }
