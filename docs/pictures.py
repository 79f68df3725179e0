"""The pictures of docs/findings.md: narrow enough that a phone shows letters of 9 px and more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from bench.analysis.intervals import Interval
from bench.report.base.labels import FAMILIES
from bench.report.base.numbers import format_number, format_typical
from bench.report.charts.style import PALETTE, make_log_axis, set_title, spread_labels
from implementations import IMPLEMENTATIONS, MANY

# A picture is at most 470 pixels wide with its names, and a phone shows it with 358.
WIDTH, PLOT, LETTERS = 460, 230, 12
GREY, ROW_HEIGHT = "#999999", 22
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = PALETTE
# One colour a family, in all pictures.
FAMILY_COLOURS = {"JAX": BLUE, "PyTorch": VERMILION, "Keras": PURPLE, "TensorFlow": ORANGE}
FRAMEWORKS = {entry.name: entry.framework for entry in (*IMPLEMENTATIONS, *MANY)}
RELEASED = {  # by package: the programs in the picture of the releases
    "jax": ("jax", "jax-scan"),
    "keras": ("keras-torch", "keras-jax"),
    "torch": ("pytorch",),
    "tensorflow": ("tensorflow-loop",),
    "numba": ("numba",),
    "scikit-learn": ("sklearn-softmax",),
}


class Line(NamedTuple):
    """A pair of programs. base, twin: seconds of an epoch. pays: in words."""

    name: str
    base: float
    twin: float
    pays: str


def find_colour(program: str) -> str:
    """Return the colour of a program's family."""
    return FAMILY_COLOURS.get(FAMILIES.get(FRAMEWORKS.get(program, ""), ""), GREEN)


def finish(chart: Any, title: str, subtitle: str = "") -> Any:
    """Set the title, white paper and letters of one size."""
    chart = set_title(chart, title, subtitle, WIDTH - 60).configure_view(stroke=None)
    return chart.configure_axis(labelFontSize=LETTERS, titleFontSize=LETTERS).configure_title(
        anchor="start", fontSize=14, subtitleFontSize=LETTERS, offset=12
    )


def make_log_channel(
    values: Sequence[float], title: str | None = None, style: str = "~g"
) -> dict[str, Any]:
    """Return a logarithmic axis no wider than the values."""
    domain = [min(values) / 1.15, max(values) * 1.15]
    return {
        "scale": alt.Scale(type="log", domain=domain, nice=False),
        "title": title,
        "axis": make_log_axis(values, format=style, grid=True, labelOverlap=True),
    }


def encode_rows(names: Sequence[str], **settings: Any) -> Any:
    """Return the y channel of a picture with a line for each name, in this order."""
    axis = alt.Axis(ticks=False, domain=False, labelLimit=200, **settings)
    return alt.Y("name:N", sort=list(names), title=None, axis=axis)


def chart_dots(
    values: Mapping[str, Sequence[Interval]],
    title: str,
    subtitle: str,
    line: float | None = None,
    write: Callable[[float], str] | None = None,
) -> Any:
    """Draw a line for each program, with a dot and a bar for each value, and the value in words.

    line: where a dashed line crosses all of them; values are then numbers, and else seconds.
    """
    write = write or ((lambda value: format_number(value, 2)) if line else format_typical)
    points = [
        {
            "name": name,
            "colour": find_colour(name),
            "value": one.mean,
            "low": one.low if one.low and one.low > 0 else one.mean,
            "high": one.high or one.mean,
        }
        for name, intervals in values.items()
        for one in intervals
    ]
    texts = [
        {"name": name, "text": ", ".join(write(one.mean) for one in own)}
        for name, own in values.items()
    ]
    bounds = [float(point[end]) for point in points for end in ("low", "high")]
    x, y = make_log_channel(bounds, style="~g" if line else "~s"), encode_rows(list(values))
    if write is not format_typical and not line:
        x["axis"] = None  # the values say all
    base = alt.Chart(alt.Data(values=points)).encode(y=y, color=alt.Color("colour:N", scale=None))
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **x), x2="high:Q"),
        base.mark_point(filled=True, opacity=1, size=50).encode(x=alt.X("value:Q", **x)),
        alt.Chart(alt.Data(values=texts))
        .mark_text(align="left", dx=6, fontSize=LETTERS)
        .encode(y=y, x=alt.value(PLOT), text="text:N"),
    ]
    if line is not None:
        rule = alt.Chart(alt.Data(values=[{"value": line}])).mark_rule(
            color=GREY, strokeDash=[4, 4]
        )
        layers.insert(0, rule.encode(x=alt.X("value:Q", **x)))
    chart = alt.layer(*layers).properties(width=PLOT, height=ROW_HEIGHT * len(values))
    return finish(chart, title, subtitle)


def chart_twins(lines: Sequence[Line], title: str) -> Any:
    """Draw a line for each pair, from an epoch of the program to one of its twin."""
    plot = WIDTH - 100
    points = [
        {**line._asdict(), "colour": VERMILION if line.twin > line.base else BLUE} for line in lines
    ]
    seconds = [end for line in lines for end in (line.base, line.twin)]
    x = make_log_channel(seconds, "epoch, s")
    y = alt.Y("name:N", sort=[line.name for line in lines], title=None, axis=None)
    base = alt.Chart(alt.Data(values=points)).encode(y=y, color=alt.Color("colour:N", scale=None))
    ends = {end: base.encode(x=alt.X(f"{end}:Q", **x)) for end in ("base", "twin")}
    texts = base.encode(color=alt.value("black"))
    chart = alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("base:Q", **x), x2="twin:Q"),
        ends["base"]
        .mark_point(filled=True, size=50, opacity=1, color=GREY)
        .encode(color=alt.value(GREY)),
        ends["twin"].mark_point(filled=True, size=70, opacity=1),
        texts.mark_text(align="left", dy=-12, fontSize=LETTERS).encode(
            x=alt.value(0), text="name:N"
        ),
        base.mark_text(align="left", dx=6, fontSize=LETTERS).encode(
            x=alt.value(plot), text="pays:N"
        ),
    ).properties(width=plot, height=34 * len(lines))
    return finish(
        chart,
        title,
        "grey: without it; blue: faster with it, red: slower; right: when it pays, from a cold "
        "start",
    )


def chart_releases(
    products: Mapping[str, Sequence[tuple[str, Interval]]],
    dates: Mapping[str, Mapping[str, str]],
    title: str,
) -> Any:
    """Draw the time of an epoch over the days of the releases, a panel for each framework.

    products: by program, release and time over the first. dates: by package and release. A
    release that changed it by more than a seventh has its number.
    """
    ratios = [
        ratio.mean for own in RELEASED.values() for name in own for _, ratio in products[name]
    ]
    ends_of_axis = [min(ratios) / 1.2, max(ratios) * 1.2]  # room for numbers of releases
    days = [day for own in dates.values() for day in own.values()]
    panels = []
    for package, programs in RELEASED.items():
        x = alt.X(
            "date:T",
            title=None,
            scale=alt.Scale(domain=[min(days), max(days)]),
            axis=alt.Axis(
                format="%b %Y", tickCount=4, grid=True, labels=package == [*RELEASED][-1]
            ),
        )
        points, jumps, ends = [], [], {}
        for number, program in enumerate(programs):
            steps = products[program]
            colour = (BLUE, VERMILION)[number]
            for place, (release, ratio) in enumerate(steps):
                day = dates[package][release]
                point = {"date": day, "ratio": ratio.mean, "colour": colour}
                points.append({**point, "program": program})
                change = ratio.mean / steps[max(0, place - 1)][1].mean
                if not 7 / 8 < change < 8 / 7:
                    jumps.append({**point, "label": release, "below": change < 1})
            points.append({**points[-1], "date": max(days)})
            ends[program] = steps[-1][1].mean
        height = 110 if len(programs) > 1 else 70
        y = alt.Y("ratio:Q", **make_log_channel(ends_of_axis))
        places = dict(spread_labels(ends, ends_of_axis[0] / 1.15, ends_of_axis[1] * 1.15, height))
        names = [
            {
                "text": f"{name} {format_number(ends[name], 2)}",
                "ratio": place,
                "colour": (BLUE, VERMILION)[list(programs).index(name)],
            }
            for name, place in places.items()
        ]
        colour = alt.Color("colour:N", scale=None)
        texts = alt.Chart(alt.Data(values=jumps)).encode(x=x, y=y, color=colour, text="label:N")
        panels.append(
            alt.layer(
                alt.Chart(alt.Data(values=points))
                .mark_line(strokeWidth=2, interpolate="step-after")
                .encode(x=x, y=y, color=colour, detail="program:N"),
                texts.transform_filter("datum.below").mark_text(
                    align="right", dx=-4, dy=9, fontSize=LETTERS
                ),
                texts.transform_filter("!datum.below").mark_text(
                    align="right", dx=-4, dy=-5, fontSize=LETTERS
                ),
                alt.Chart(alt.Data(values=names))
                .mark_text(align="left", dx=6, fontSize=LETTERS)
                .encode(x=alt.value(PLOT + 60), y=y, color=colour, text="text:N"),
            ).properties(width=PLOT + 60, height=height)
        )
    chart = alt.vconcat(*panels, spacing=14)
    subtitle = "epochs over the first release's, ratios of neighbours multiplied; below 1: faster"
    return finish(chart, title, subtitle)
