"""Charts of how epochs grow, as Altair specifications; needs the extra ``report``."""

from collections.abc import Callable, Sequence
from typing import Any

from bench.report.charts import COLOURS, LEAST
from bench.result import Case
from bench.scaling import Scaling, most_threads
from bench.summary import Row

SUBTITLE = "grey line: what the model says; dashed: the least time that this machine needs"
_SIDE = 150
_COLUMNS = 4
Points = list[dict[str, object]]


def by_batch_size(scalings: Sequence[Scaling], samples: int, title: str) -> Any:
    """Epoch time over the batch size, a small chart each: measured, modelled, and the least."""
    points = _points(scalings, lambda case: case.samples == samples, lambda case: case.batch_size)
    return _small_charts(points, "batch size (log scale)", title)


def by_samples(scalings: Sequence[Scaling], batch_size: int, title: str) -> Any:
    """Epoch time over the samples, a small chart each: measured, modelled, and the least."""
    points = _points(
        scalings, lambda case: case.batch_size == batch_size, lambda case: case.samples
    )
    return _small_charts(points, "samples in an epoch (log scale)", title)


def _points(
    scalings: Sequence[Scaling], chosen: Callable[[Case], bool], place: Callable[[Case], int]
) -> Points:
    """Return a point for each size with the most threads; times in milliseconds."""
    threads = most_threads(row for each in scalings for row in each.rows)
    return [
        _point(each, row, place(row.case))
        for each in scalings
        for row in each.rows
        if chosen(row.case) and row.case.threads == threads
    ]


def _point(scaling: Scaling, row: Row, x: int) -> dict[str, object]:
    assert row.epoch is not None  # it is ranked
    case, steps = row.case, row.case.samples // row.case.batch_size
    modelled = scaling.cost.seconds(steps, case.samples) if scaling.cost else None
    cliffs = scaling.cost.cliffs if scaling.cost else ()
    off = {(one.point.steps, one.point.samples) for one in cliffs}
    return {
        "name": scaling.name, "x": x, "ms": row.epoch.mean * 1e3,
        "modelled": None if modelled is None else modelled * 1e3,
        "least": None if row.least_epoch is None else row.least_epoch * 1e3,
        "what": "cliff" if (steps, case.samples) in off else "measured",
    }  # fmt: skip


def _small_charts(points: Points, axis: str, title: str) -> Any:
    import altair as alt

    across = alt.Scale(type="log", nice=False, padding=8)
    ticks = alt.Axis(tickCount=4, format="~s")
    base = alt.Chart().encode(x=alt.X("x:Q", scale=across, title=axis, axis=ticks))
    y = alt.Scale(type="log", nice=False, padding=8)
    modelled = base.mark_line(color="#999999").encode(y=alt.Y("modelled:Q", scale=y))
    least = base.mark_line(color=LEAST, strokeDash=[4, 3]).encode(y=alt.Y("least:Q", scale=y))
    colour = alt.Scale(domain=["measured", "cliff"], range=[COLOURS["idiomatic"], "#D55E00"])
    shape = alt.Scale(domain=["measured", "cliff"], range=["circle", "triangle-up"])
    measured = base.mark_point(size=36, filled=True, opacity=1).encode(
        y=alt.Y("ms:Q", scale=y, title="epoch, ms (log scale)"),
        color=alt.Color("what:N", scale=colour, title=None, legend=alt.Legend(orient="top")),
        shape=alt.Shape("what:N", scale=shape, title=None),
        tooltip=["name:N", "x:Q", "ms:Q", "modelled:Q", "least:Q"],
    )
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(modelled, least, measured).properties(width=_SIDE, height=_SIDE)
    return (
        layers.facet(facet=alt.Facet("name:N", sort=names, title=None), columns=_COLUMNS,
                     data=alt.Data(values=points))
        .properties(title=alt.TitleParams(title, subtitle=SUBTITLE), background="white")
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
        .configure_axis(gridOpacity=0.5)
    )  # fmt: skip
