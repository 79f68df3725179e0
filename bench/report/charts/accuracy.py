"""The chart of accuracy against the time from a cold start."""

from collections.abc import Sequence
from typing import Any

from bench.analysis.startup import Curve
from bench.report.charts.style import (
    BARS,
    bound_interval,
    encode_style,
    finish_panels,
    has_bars,
    make_log_axis,
)
from bench.report.sections.comparison import add_threads, label_case

_WIDTH, _HEIGHT = 150, 90
_COLUMNS = 4
_DATA = "stages"


def chart_accuracy(curves: Sequence[Curve], title: str) -> Any:
    """Draw validation accuracy over the seconds since a cold start, a panel for each case.

    Accuracies are steps: an accuracy holds until the next epoch has ended.
    """
    import altair as alt

    points: list[dict[str, Any]] = [
        {
            "name": add_threads(label_case(curve.case), curve.case),
            "style": curve.case.style,
            "epoch": point.epoch,
            "seconds": point.seconds.mean,
            "accuracy": point.accuracy,
            "least": point.least_accuracy,
            "largest": point.largest_accuracy,
            **dict(zip(("low", "high"), bound_interval(point.seconds), strict=True)),
        }
        for curve in sorted(curves, key=lambda curve: curve.points[-1].seconds.mean)
        for point in curve.points
    ]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    x = alt.X(
        "seconds:Q",
        scale=alt.Scale(type="log", nice=False, padding=8),
        title="seconds (log scale)",
        axis=make_log_axis((point["seconds"] for point in points), format="~g"),
    )
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(zero=False, padding=8),
        title="accuracy",
        axis=alt.Axis(tickCount=4, format="~f"),
    )
    colour, shape = encode_style(str(point["style"]) for point in points)
    # A layer that names its own data draws all of them in every panel.
    grey = alt.Chart(alt.NamedData(_DATA)).mark_line(
        color="#CCCCCC", strokeWidth=1, interpolate="step-after", aria=False
    )
    base = alt.Chart().encode(x=x, y=y)
    layers = alt.layer(
        grey.encode(x=x, y=y, detail="name:N"),
        base.mark_line(strokeWidth=2, interpolate="step-after").encode(color=colour),
        base.mark_rule(strokeWidth=1, aria=False).encode(x="low:Q", x2="high:Q", color=colour),
        base.mark_rule(strokeWidth=1, aria=False).encode(y="least:Q", y2="largest:Q", color=colour),
        base.mark_point(size=30, filled=True, opacity=1).encode(
            color=colour,
            shape=shape,
            tooltip=["name:N", "epoch:Q", "seconds:Q", "low:Q", "high:Q", "accuracy:Q"],
        ),
    ).properties(width=_WIDTH, height=_HEIGHT)
    facet = alt.Facet("name:N", sort=names, title=None)
    panels = layers.facet(facet=facet, columns=_COLUMNS, data=alt.NamedData(_DATA))
    bars = has_bars(point.seconds for curve in curves for point in curve.points)
    spread = any(point["least"] < point["largest"] for point in points)
    legend = [
        "a point for each epoch",
        *[f"{BARS} of the time"] * bars,
        *["upright: least and largest accuracy over seeds"] * spread,
        "grey: the others",
    ]
    return finish_panels(
        panels.properties(datasets={_DATA: points}), title, "; ".join(legend)
    ).configure_axis(gridOpacity=0.5)
