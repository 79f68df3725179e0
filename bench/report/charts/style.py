"""What the charts share: colours, shapes, axes, titles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.analysis.intervals import Interval

# Okabe and Ito's colours, which colour-blind readers can distinguish; shapes repeat them.
COLOURS = {"idiomatic": "#0072B2", "tuned": "#D55E00", "own": "#009E73"}
SHAPES = {"idiomatic": "circle", "tuned": "diamond", "own": "square"}
# Limits that a machine or a tolerance sets.
LIMIT = "#CC79A7"
GREY = "#999999"
# Variables of style.css: each has one colour on light and one on dark paper.
COLOURS_OF_PAGE = {
    "#0072B2": "blue",
    "#D55E00": "vermilion",
    "#009E73": "green",
    "#CC79A7": "purple",
    "#56B4E9": "sky",
    "#E69F00": "orange",
    "#F0E442": "yellow",
    "#999999": "grey",
    "#CCCCCC": "line",
    "#DDD": "line",
    "#888": "line",
    "#000": "ink",
    "#000000": "ink",
    "BLACK": "ink",
}
# What joins the parts of a tooltip, the first of which names the row. Marks without a tooltip are
# described by a name and this: the page finds both by the name, to show what a reader chose.
JOINED = " · "
WIDTH = 620
BARS = "bars: 95 % intervals"


def encode_style(styles: Iterable[str]) -> tuple[Any, Any]:
    """Return the colour and the shape of the styles that occur."""
    import altair as alt

    known = set(styles)
    domain = [style for style in COLOURS if style in known]
    colours = alt.Scale(domain=domain, range=[COLOURS[style] for style in domain])
    shapes = alt.Scale(domain=domain, range=[SHAPES[style] for style in domain])
    legend = alt.Legend(orient="top")
    return (
        alt.Color("style:N", scale=colours, title=None, legend=legend),
        alt.Shape("style:N", scale=shapes, title=None),
    )


def encode_names(names: Sequence[object]) -> Any:
    """Return the y channel of a chart with a line for each name, in this order."""
    import altair as alt

    axis = alt.Axis(labelFontSize=12, ticks=False, domain=False, grid=True)
    return alt.Y("name:N", sort=names, title=None, axis=axis)


def has_bars(intervals: Iterable[Interval | None]) -> bool:
    """Return whether a chart of these intervals has bars: one of them was measured repeatedly."""
    return any(interval is not None and interval.low is not None for interval in intervals)


def bound_interval(interval: Interval, scale: float = 1.0) -> tuple[float, float]:
    """Return the ends of an interval; the mean for both if it was measured once."""
    low, high = interval.low or interval.mean, interval.high or interval.mean
    return low * scale, high * scale


def draw_dots(
    base: Any, field: str, *, x: Mapping[str, Any], colour: Any, size: int, **encodings: Any
) -> list[Any]:
    """Return the layers that draw a field of each point as a dot, and its interval as a bar.

    The bar goes from the field low to the field high; the field tip is the tooltip of the dot, and
    the field of says by JOINED names what both are about.
    x: scale, axis and title of the axis.
    """
    import altair as alt

    bar = base.mark_rule(strokeWidth=2, aria=True)
    bar = bar.encode(x=alt.X("low:Q", **x), x2="high:Q", color=colour, description="of:N")
    dot = base.mark_point(size=size, filled=True, opacity=1, aria=True)
    mean = alt.X(f"{field}:Q", **x)
    return [bar, dot.encode(x=mean, color=colour, description="tip:N", **encodings)]


def draw_limits(limits: Mapping[float, str], scale: Any) -> list[Any]:
    """Return the layers of dashed vertical lines at these values, with their texts above the chart.

    Beside a line, a text could lie over the value of the first row.
    """
    import altair as alt

    if not limits:
        return []  # a layer without data would have no scale
    points = [{"limit": limit, "text": text} for limit, text in limits.items()]
    base = alt.Chart(alt.Data(values=points)).encode(x=alt.X("limit:Q", scale=scale))
    label = base.mark_text(dy=-7, fontSize=11)
    return [
        base.mark_rule(strokeDash=[4, 3], color=LIMIT),
        label.encode(y=alt.value(0), text="text:N"),
    ]


def make_log_axis(values: Iterable[float | None], **settings: Any) -> Any:
    """Return a logarithmic axis with few ticks.

    By default it would have a line for each of 1 to 9: most of a small chart's file.
    """
    import altair as alt

    ticks = choose_ticks(values)
    few = {"values": ticks} if len(ticks) > 1 else {"tickCount": 4}
    return alt.Axis(**few, **settings)


def choose_ticks(values: Iterable[float | None]) -> list[float]:
    """Return ticks over the positive values: 1, 2 and 5, or powers of ten over a wide range."""
    positive = [value for value in values if value is not None and 0 < value < math.inf]
    if not positive:
        return []
    low, high = min(positive), max(positive)
    steps = (1, 2, 5) if high / low < 10**1.5 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
    # An axis extends a little beyond its values.
    return [tick for tick in ticks if low / 1.3 <= tick <= high * 1.3]


def finish_chart(chart: Any, title: str, rows: int, subtitle: str = "") -> Any:
    """Set the title, and the size of a chart with a line for each row."""
    import altair as alt

    return (
        chart.properties(
            title=alt.TitleParams(title, subtitle=subtitle) if subtitle else title,
            width=WIDTH,
            height=26 * rows,
            background="white",
        )
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
    )


def finish_panels(chart: Any, title: str, subtitle: str | Sequence[str]) -> Any:
    """Set the title of a chart of several panels."""
    import altair as alt

    return chart.properties(
        title=alt.TitleParams(title, subtitle=subtitle), background="white"
    ).configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
