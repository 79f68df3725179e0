"""The chart of throughput by batch size."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench.analysis.devices import Crossover
from bench.analysis.summary import Row
from bench.report.charts.style import BARS, COLOURS, LIMIT, alt, make_log_axis, set_title
from bench.report.labels import label_case, name_case
from bench.report.parts import JOINED
from bench.report.render.numbers import format_number, format_threads

_SIDE = 150
_COLUMNS = 4
# Dashes repeat the colours.
_DEVICES = {"cpu": (COLOURS["idiomatic"], [1, 0]), "gpu": ("#E69F00", [6, 3])}
_LEGENDS = {"low": BARS, "roofline": "dotted: roofline"}
Points = list[dict[str, Any]]


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
    interval = " to ".join(f"{format_number(bound)} samples/s" for bound in bounds)
    tip = [
        label_case(row.case),
        format_threads(row.case.threads),
        f"batch size {row.case.batch_size:,}",
        f"{format_number(samples / epoch.mean)} samples/s",
        *[f"95 % interval {interval}"] * bool(bounds),
    ]
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
