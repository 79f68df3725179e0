"""The chart of the time from a cold start over the number of epochs."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from bench.analysis.startup import Stretch
from bench.analysis.summary import Row
from bench.report.charts.style import PALETTE, alt, make_log_axis, set_title, spread_labels
from bench.report.labels import label_case, name_threads, start_tip
from bench.report.parts import JOINED
from bench.report.render.numbers import format_count, format_duration

MAX_EPOCHS = 1000
_OTHERS = "#CCCCCC"
_WIDTH, _HEIGHT = 480, 330  # pixels
_EPOCHS = [round(10 ** (number / 10)) for number in range(31)]


def chart_frontier(
    rows: Sequence[Row], stretches: Sequence[Stretch], epochs: int, title: str
) -> Any:
    """Draw the seconds from a cold start until a number of epochs is trained, a line a program.

    rows: comparable, each with a start. stretches: which row is done first from how many epochs
    on; these rows have colours, and circles where one overtakes another. epochs: of the vertical
    line.
    """
    names = [label_case(row.case) for row in rows]
    leaders = [label_case(one.row.case) for one in stretches]
    colours = dict(zip(leaders, PALETTE * len(leaders), strict=False))
    times = {
        name: {count: median(row.sum_epochs(count).values()) for count in _EPOCHS}
        for name, row in zip(names, rows, strict=True)
    }
    points = [
        {
            "name": name,
            "epochs": count,
            "seconds": seconds,
            "leads": name in colours,
            "tip": JOINED.join(
                [
                    *start_tip(row.case),
                    f"first epoch done after {format_duration(times[name][1])}",
                    f"then {format_duration(row.epoch)} an epoch",
                ]
            ),
        }
        for name, row in zip(names, rows, strict=True)
        for count, seconds in times[name].items()
    ]
    low = min(times[name][1] for name in names) / 1.5
    high = max(times[name][MAX_EPOCHS] for name in names) * 1.5
    x = alt.X(
        "epochs:Q",
        scale=alt.Scale(type="log", domain=[1, MAX_EPOCHS], nice=False),
        axis=alt.Axis(values=[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], format=",", grid=False),
        title="epochs (log scale)",
    )
    seconds = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": make_log_axis([low, high], format="~g"),
        "title": "seconds from a cold start (log scale)",
    }
    y = alt.Y("seconds:Q", **seconds)
    # The grey lines first: what comes last lies on top.
    domain = [*(name for name in names if name not in colours), *colours]
    palette = alt.Scale(domain=domain, range=[colours.get(name, _OTHERS) for name in domain])
    colour = alt.Color("name:N", scale=palette, legend=None)
    lines = alt.Chart(alt.Data(values=points)).encode(x=x, y=y, detail="name:N")
    ends = {name: times[name][MAX_EPOCHS] for name in names}
    labels = [
        {"name": name, "epochs": MAX_EPOCHS, "seconds": place, "leads": name in colours}
        for name, place in spread_labels(ends, low, high, _HEIGHT)
    ]
    text = alt.Chart(alt.Data(values=labels)).encode(x=x, y=y, text="name:N")
    text_style = {"align": "left", "dx": 6, "fontSize": 11}
    rule = alt.Chart(alt.Data(values=[{"epochs": epochs}])).encode(x=x)
    layers = [
        rule.mark_rule(strokeDash=[2, 3], strokeWidth=1.5),
        rule.mark_text(align="left", dx=5, dy=10, fontSize=11).encode(
            y=alt.value(0), text=alt.value(f"the textbook trains {epochs}")
        ),
        rule.properties(name="chosen").mark_rule(strokeWidth=0),
        lines.transform_filter("!datum.leads")
        .mark_line(strokeWidth=1.5, aria=True)
        .encode(color=alt.value(_OTHERS), description="tip:N"),
        lines.transform_filter("datum.leads")
        .mark_line(strokeWidth=3, aria=True)
        .encode(color=colour, description="tip:N"),
        text.transform_filter("!datum.leads").mark_text(**text_style),
        text.transform_filter("datum.leads")
        .mark_text(fontWeight="bold", **text_style)
        .encode(color=colour),
        *_draw_crossings(stretches, x, seconds),
    ]
    case = rows[0].case
    size = [f"batch size {case.batch_size}", f"{case.samples:,} samples"]
    size.insert(1, name_threads(rows))
    subtitle = (
        "cold start, then steady epochs; medians of the processes. Workload "
        f"{case.workload}, {', '.join(size)}"
    )
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)
    return set_title(chart, title, subtitle, _WIDTH).configure_view(stroke=None)


def _draw_crossings(stretches: Sequence[Stretch], x: Any, seconds: dict[str, object]) -> list[Any]:
    """Return the layers of a circle and a text where one row overtakes another."""
    points = [
        {
            "epochs": one.first,
            "seconds": median(one.row.sum_epochs(one.first).values()),
            "text": f"{format_count(one.first)}: {one.row.case.implementation}"
            + " (uncertain)" * (not one.certain),
            "of": "".join(f"{label_case(each.row.case)}{JOINED}" for each in (one, before)),
        }
        for before, one in pairwise(stretches)
        if one.first <= MAX_EPOCHS
    ]
    if not points:
        return []  # a layer without data would have no scale
    base = alt.Chart(alt.Data(values=points)).encode(x=x, y=alt.Y("seconds:Q", **seconds))
    # Near the end of the axis it is below: on the right are the names of the lines.
    late = f"datum.epochs > {MAX_EPOCHS**0.8:g}"
    style = {"align": f"{late} ? 'center' : 'left'", "dx": f"{late} ? 0 : 4"}
    style["dy"] = f"{late} ? 28 : 16"
    placed = {name: alt.expr(value) for name, value in style.items()}
    circle = {"size": 70, "filled": True, "fill": "white", "stroke": "black", "opacity": 1}
    return [
        base.mark_point(aria=True, **circle).encode(description="of:N"),
        base.mark_text(aria=True, fontSize=11, **placed).encode(text="text:N", description="of:N"),
    ]
