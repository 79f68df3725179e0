"""The chart of accuracy against wall-clock time, as an Altair specification."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.analysis.startup import Curve
from bench.report.charts import ticks
from bench.report.charts.epochs import COLOURS, SHAPES
from bench.report.sections.comparison import label
from bench.report.sections.curves import end

SUBTITLE = (
    "a point an epoch, its bar the 95 % interval of the time; grey: all the others, for comparison"
)
_WIDTH, _HEIGHT = 150, 90
_COLUMNS = 4
_DATA = "stages"
Points = list[dict[str, Any]]


def over_time(curves: Sequence[Curve], title: str) -> Any:
    """Validation accuracy over the seconds since a cold start, a small chart a case.

    Accuracies are steps: what one epoch gave holds until the next has ended.
    """
    import altair as alt

    ordered = sorted(curves, key=end)
    points = [point for curve in ordered for point in _points(curve)]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(*_layers(points)).properties(width=_WIDTH, height=_HEIGHT)
    return (
        layers.facet(facet=alt.Facet("name:N", sort=names, title=None), columns=_COLUMNS,
                     data=alt.NamedData(_DATA))
        .properties(title=alt.TitleParams(title, subtitle=SUBTITLE), background="white",
                    datasets={_DATA: points})
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
        .configure_axis(gridOpacity=0.5)
    )  # fmt: skip


def _points(curve: Curve) -> Iterator[dict[str, Any]]:
    for point in curve.points:
        mean = point.seconds.mean
        yield {
            "name": label(curve.case), "style": curve.case.style, "epoch": point.epoch,
            "seconds": mean, "accuracy": point.accuracy,
            "low": point.seconds.low or mean, "high": point.seconds.high or mean,
        }  # fmt: skip


def _layers(points: Points) -> list[Any]:
    """Return the lines and points of a panel, over the lines of all of them."""
    import altair as alt

    x = alt.X(
        "seconds:Q", scale=alt.Scale(type="log", nice=False, padding=8),
        title="seconds (log scale)",
        axis=alt.Axis(**ticks.axis(point["seconds"] for point in points), format="~g"),
    )  # fmt: skip
    y = alt.Y(
        "accuracy:Q", scale=alt.Scale(zero=False, padding=8), title="accuracy",
        axis=alt.Axis(tickCount=4, format="~f"),
    )  # fmt: skip
    styles = [style for style in COLOURS if style in {point["style"] for point in points}]
    colour = alt.Color(
        "style:N", title=None, legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=styles, range=[COLOURS[style] for style in styles]),
    )  # fmt: skip
    shape = alt.Shape(
        "style:N", title=None,
        scale=alt.Scale(domain=styles, range=[SHAPES[style] for style in styles]),
    )  # fmt: skip
    # Whatever names its data itself is drawn whole in every panel.
    grey = alt.Chart(alt.NamedData(_DATA)).mark_line(
        color="#CCCCCC", strokeWidth=1, interpolate="step-after", aria=False
    )
    base = alt.Chart().encode(x=x, y=y)
    return [
        grey.encode(x=x, y=y, detail="name:N"),
        base.mark_line(strokeWidth=2, interpolate="step-after").encode(color=colour),
        base.mark_rule(strokeWidth=1, aria=False).encode(
            x="low:Q", x2="high:Q", color=colour
        ),
        base.mark_point(size=30, filled=True, opacity=1).encode(
            color=colour, shape=shape,
            tooltip=["name:N", "epoch:Q", "seconds:Q", "low:Q", "high:Q", "accuracy:Q"],
        ),
    ]  # fmt: skip
