"""Charts of how epochs grow, as Altair specifications; needs the extra ``report``."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from bench.crossover import Crossover
from bench.report import ticks
from bench.report.charts import COLOURS, LEAST
from bench.scaling import Scaling, most_threads
from bench.summary import Row

_SIDE = 150
_COLUMNS = 4
# The dashes tell the devices apart where colours do not.
_DEVICES = {"cpu": (COLOURS["idiomatic"], [1, 0]), "gpu": ("#E69F00", [6, 3])}
_SHAPES = {"measured": "circle", "cliff": "triangle-up"}
Points = list[dict[str, Any]]


class _Axes(NamedTuple):
    """What is varied, and what is shown of an epoch of so many seconds and samples."""

    varied: Literal["batch_size", "samples"]
    across: str
    shown: str
    upright: str
    best: str
    of: Callable[[float, int], float]
    format: str


_BATCH_SIZES = _Axes(
    "batch_size", "batch size (log scale)", "samples_per_second", "samples/s (log scale)",
    "the most", lambda seconds, samples: samples / seconds, ",",
)  # fmt: skip
_SAMPLES = _Axes(
    "samples", "samples (log scale)", "epoch_ms", "epoch, ms (log scale)",
    "the least time", lambda seconds, _: seconds * 1e3, "~s",
)  # fmt: skip


def by_batch_size(
    scalings: Sequence[Scaling], samples: int, crossovers: Iterable[Crossover], title: str
) -> Any:
    """Throughput over the batch size, a small chart each: measured, modelled, and the most.

    A GPU's line is dashed, and an upright one stands where it begins to be faster than the CPU;
    none where it is at every batch size, or at none.
    """
    points = _points(scalings, "samples", samples, _BATCH_SIZES)
    crossed = {each.name: each.batch_size.mean for each in crossovers
               if 0 < each.batch_size.mean < math.inf}  # fmt: skip
    for point in points:
        point["gpu_from"] = crossed.get(str(point["name"]))
    return _small_charts(points, _BATCH_SIZES, title)


def by_samples(scalings: Sequence[Scaling], batch_size: int, title: str) -> Any:
    """Epoch time over the samples, a small chart each: measured, modelled, and the least."""
    return _small_charts(_points(scalings, "batch_size", batch_size, _SAMPLES), _SAMPLES, title)


def _points(scalings: Sequence[Scaling], same: str, size: int, axes: _Axes) -> Points:
    """Return a point for each row with the most threads and this one size."""
    threads = most_threads(row for each in scalings for row in each.rows)
    return [
        _point(each, row, axes)
        for each in scalings
        for row in each.rows
        if getattr(row.case, same) == size and row.case.threads == threads
    ]


def _point(scaling: Scaling, row: Row, axes: _Axes) -> dict[str, Any]:
    assert row.epoch is not None  # it is ranked
    case, steps = row.case, row.case.samples // row.case.batch_size
    modelled = scaling.cost.seconds(steps, case.samples) if scaling.cost else None
    cliffs = scaling.cost.cliffs if scaling.cost else ()
    off = {(one.point.steps, one.point.samples) for one in cliffs}
    return {
        "name": scaling.name, "device": case.device, axes.varied: getattr(case, axes.varied),
        axes.shown: axes.of(row.epoch.mean, case.samples),
        "modelled": axes.of(modelled, case.samples) if modelled else None,
        "best": axes.of(row.least_epoch, case.samples) if row.least_epoch else None,
        "what": "cliff" if (steps, case.samples) in off else "measured",
    }  # fmt: skip


def _small_charts(points: Points, axes: _Axes, title: str) -> Any:
    import altair as alt

    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(*_layers(points, axes)).properties(width=_SIDE, height=_SIDE)
    lines = {
        "modelled": "grey line: what the model says",
        "best": f"dotted: {axes.best} that this machine allows",
    }
    subtitle = "; ".join(said for field, said in lines.items() if _any(points, field))
    return (
        layers.facet(facet=alt.Facet("name:N", sort=names, title=None), columns=_COLUMNS,
                     data=alt.Data(values=points))
        .properties(title=alt.TitleParams(title, subtitle=subtitle), background="white")
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
        .configure_axis(gridOpacity=0.5)
    )  # fmt: skip


def _layers(points: Points, axes: _Axes) -> list[Any]:
    """Return the lines and points of a panel, and where the devices cross."""
    import altair as alt

    scale = alt.Scale(type="log", nice=False, padding=8)
    sizes = sorted({point[axes.varied] for point in points})
    at = alt.Axis(values=sizes, format=axes.format, labelOverlap="greedy")
    across = alt.X(f"{axes.varied}:Q", scale=scale, title=axes.across, axis=at)
    devices = [device for device in _DEVICES if device in {point["device"] for point in points}]
    colours, dashes = zip(*(_DEVICES[device] for device in devices), strict=True)
    legend = alt.Legend(orient="top") if len(devices) > 1 else None
    colour, dash = (
        kind("device:N", title=None, legend=legend,
             scale=alt.Scale(domain=devices, range=list(each)))
        for kind, each in ((alt.Color, colours), (alt.StrokeDash, dashes))
    )  # fmt: skip
    shapes = alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values()))
    shape = alt.Shape("what:N", title=None, legend=alt.Legend(orient="top"), scale=shapes)
    base = alt.Chart().encode(x=across)
    fields = ("modelled", "best", axes.shown)
    counted = ticks.axis(point[field] for point in points for field in fields)
    modelled, best, measured = (
        alt.Y(f"{field}:Q", scale=scale, title=axes.upright,
              axis=alt.Axis(**counted, format="~s"))
        for field in fields
    )  # fmt: skip
    tooltip = ["name:N", "device:N", f"{axes.varied}:Q", f"{axes.shown}:Q", "modelled:Q", "best:Q"]
    # A line of nothing would have no scale, and Vega would say so in the console.
    lines = [
        ("modelled", base.mark_line(color="#999999").encode(y=modelled, detail="device:N")),
        ("best", base.mark_line(strokeDash=[1, 3]).encode(
            y=best, color=colour if len(devices) > 1 else alt.value(LEAST))),
    ]  # fmt: skip
    return [
        *(line for field, line in lines if _any(points, field)),
        base.mark_line(strokeWidth=1).encode(y=measured, color=colour, strokeDash=dash),
        base.mark_point(size=36, filled=True, opacity=1).encode(
            y=measured, color=colour, shape=shape, tooltip=tooltip
        ),
        *(_crossed(scale, sizes) if _any(points, "gpu_from") else []),
    ]


def _any(points: Points, field: str) -> bool:
    return any(point.get(field) is not None for point in points)


def _crossed(scale: Any, sizes: Sequence[int]) -> list[Any]:
    """Return the upright line from which on the GPU is the faster, and what it says."""
    import altair as alt

    # Every point of an implementation has it: once is enough.
    base = (
        alt.Chart()
        .transform_filter("isValid(datum.gpu_from)")
        .transform_aggregate(gpu_from="min(gpu_from)", groupby=["name"])
        .transform_calculate(said="'GPU from ' + format(round(datum.gpu_from), ',.3~r')")
        .encode(x=alt.X("gpu_from:Q", scale=scale))
    )
    # On the side where there is room for it.
    late = f"datum.gpu_from > {math.sqrt(sizes[0] * sizes[-1])}"
    text = base.mark_text(
        align=alt.expr(f"{late} ? 'right' : 'left'"), dx=alt.expr(f"{late} ? -4 : 4"),
        fontSize=10, fontWeight="bold",
    )  # fmt: skip
    return [base.mark_rule(strokeWidth=1.5), text.encode(y=alt.value(_SIDE - 8), text="said:N")]
