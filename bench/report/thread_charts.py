"""The chart of what threads bring, as an Altair specification; needs the extra ``report``."""

from collections.abc import Sequence
from typing import Any

from bench.report.charts import LEAST, labels
from bench.report.tables import on_device
from bench.scaling import Scaling

SUBTITLE = (
    "grey: one thread; dashed: as many times as fast as there are threads; bars: 95 % intervals"
)
# One colour and shape for each size in the order of their appearance; more sizes share the last.
_SIZES = (("#0072B2", "circle"), ("#D55E00", "diamond"), ("#009E73", "square"),
          ("#CC79A7", "triangle-up"), ("#999999", "cross"))  # fmt: skip


def by_threads(scalings: Sequence[Scaling], title: str) -> Any:
    """How many times as fast so many threads are as one: a dot a size, with its interval.

    A panel for each number of threads; its solid line is one thread, its dashed line so many times
    as fast.
    """
    import altair as alt

    points = [point for each in scalings for point in _speedups(each)]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    sizes = list(dict.fromkeys(str(point["size"]) for point in points))
    looks = [_SIZES[min(number, len(_SIZES) - 1)] for number in range(len(sizes))]
    colours, shapes = (
        alt.Scale(domain=sizes, range=list(each)) for each in zip(*looks, strict=True)
    )
    legend = alt.Legend(orient="top", labelLimit=300)
    colour = alt.Color("size:N", title=None, legend=legend, scale=colours)
    shape = alt.Shape("size:N", title=None, scale=shapes)
    x = alt.Scale(zero=True, nice=False, padding=10)
    base = alt.Chart().encode(
        y=alt.Y("name:N", sort=names, title=None, axis=labels()),
        yOffset=alt.YOffset("size:N", sort=sizes),
    )
    # Once a panel, not once a point.
    panel = alt.Chart().transform_aggregate(groupby=["threads"]).transform_calculate(one="1")
    many = alt.layer(
        panel.mark_rule(color="#999999", strokeWidth=1.5).encode(x="one:Q"),
        panel.mark_rule(strokeDash=[4, 3], color=LEAST).encode(x="threads:Q"),
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", scale=x, title="times as fast as one thread"), x2="high:Q",
            color=colour,
        ),
        base.mark_point(size=60, filled=True, opacity=1).encode(
            x=alt.X("times:Q", scale=x), color=colour, shape=shape,
            tooltip=["name:N", "size:N", "threads:Q", "times:Q", "low:Q", "high:Q"],
        ),
    )  # fmt: skip
    counts = len({point["threads"] for point in points})
    height = 22 * len(names)
    faceted = many.properties(width=520 / counts, height=height).facet(
        column=alt.Column("panel:N", title=None), data=alt.Data(values=points)
    )
    return (
        faceted.resolve_scale(x="independent")
        .properties(title=alt.TitleParams(title, subtitle=SUBTITLE), background="white")
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
    )


def _speedups(scaling: Scaling) -> list[dict[str, object]]:
    """Return how many times as fast each size is with more threads than one."""
    return [
        {
            "name": on_device(scaling.name, scaling.device), "threads": threads,
            "panel": f"{threads} threads",
            "size": f"batch size {pair.one.case.batch_size:,}, {pair.one.case.samples:,} samples",
            "times": threads * found.mean, "low": threads * (found.low or found.mean),
            "high": threads * (found.high or found.mean),
        }
        for pair in scaling.threading
        if (found := pair.efficiency) is not None
        for threads in [pair.many.case.threads]
    ]  # fmt: skip
