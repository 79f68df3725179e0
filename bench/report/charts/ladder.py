"""The chart of what a step costs in each program, a framework first and its layers below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.ladder import StepCost
from bench.analysis.summary import Row
from bench.report.charts.style import COLOURS, alt, set_title
from bench.report.labels import label_case, start_tip
from bench.report.parts import JOINED
from bench.report.render.numbers import format_duration, format_interval

# Pixels: of a panel, of a program in it, by which a layer is indented, and of the longest text.
_WIDTH, _STEP, _INDENT, _TEXT = 420, 28, 14, 300
_MICRO = 1e6
_AXIS = "a step, µs"
_REST = "#CCCCCC"


@dataclass(frozen=True, slots=True)
class Bar:
    """A program of the chart. group: its panel. depth: number of layers that it is."""

    group: str
    depth: int
    row: Row
    cost: StepCost


def chart_ladder(bars: Sequence[Bar], title: str) -> Any:
    """Draw a bar a program: the fixed cost of a step with its interval, and that of its images.

    A panel for each group of bars, with a scale of its own: the steps of one framework may cost a
    hundred times as much as those of another.
    """
    points = [_make_point(bar) for bar in bars]
    base = alt.Chart().encode(
        y=alt.Y("name:N", sort=[point["name"] for point in points], title=None, axis=None)
    )
    x = {"title": _AXIS, "axis": alt.Axis(tickCount=4, format="~r", gridOpacity=0.5)}
    bar = {"height": 8, "yOffset": 5, "aria": True}
    indent = alt.expr(f"{_INDENT} * datum.depth")
    text = base.mark_text(align="left", dx=indent, dy=-8, fontSize=11, limit=_TEXT, aria=True)
    layers = [
        base.mark_bar(color=_REST, **bar).encode(
            x=alt.X("fixed:Q", **x), x2="step:Q", description="tip:N"
        ),
        base.mark_bar(color=COLOURS["idiomatic"], **bar).encode(
            x=alt.X("fixed:Q", **x), description="tip:N"
        ),
        text.encode(x=alt.value(2), text="text:N", description="of:N"),
    ]
    bounded = any(point["low"] is not None for point in points)
    if bounded:  # a layer without data would have no scale
        whisker = base.transform_filter("isValid(datum.low)").mark_rule(
            strokeWidth=2, yOffset=5, color=COLOURS["tuned"], aria=True
        )
        layers.append(whisker.encode(x=alt.X("low:Q", **x), x2="high:Q", description="of:N"))
    panel = alt.layer(*layers).properties(width=_WIDTH, height={"step": _STEP})
    groups = list(dict.fromkeys(bar.group for bar in bars))
    header = alt.Header(labelFontWeight="bold", labelAnchor="start", labelFontSize=12)
    panels = panel.facet(
        facet=alt.Facet("group:N", sort=groups, title=None, header=header),
        columns=1,
        data=alt.Data(values=points),
    ).resolve_scale(x="independent", y="independent")
    subtitle = "blue: fixed cost of a step; grey: cost of its images"
    subtitle += "; lines: 95 % intervals of blue" * bounded
    return set_title(panels, title, f"{subtitle}; each panel has its own scale", _WIDTH)


def _make_point(bar: Bar) -> dict[str, object]:
    """Return the bar of one program, in microseconds; low and high are None without an interval."""
    fixed, images = bar.cost.fixed, bar.cost.images
    steps = bar.row.case.steps
    step = format_duration(bar.row.typical_seconds / steps)
    name = label_case(bar.row.case)
    tip = [
        *start_tip(bar.row.case),
        f"a step {step}",
        f"fixed cost {format_duration(fixed)}",
        f"cost of images {format_duration(images)}",
    ]
    return {
        "group": bar.group,
        "name": name,
        "of": f"{name}{JOINED}",
        "tip": JOINED.join(tip),
        "depth": bar.depth,
        "text": f"{name}: {format_interval(fixed, _MICRO)} of "
        f"{format_interval(bar.row.epoch and bar.row.epoch / steps, _MICRO).partition(' ')[0]} µs",
        "fixed": _MICRO * fixed.mean,
        "step": _MICRO * (fixed.mean + images.mean),
        "low": None if fixed.low is None else _MICRO * fixed.low,
        "high": None if fixed.high is None else _MICRO * fixed.high,
    }
