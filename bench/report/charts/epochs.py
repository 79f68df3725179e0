"""Charts as Altair specifications, and their SVG; needs the extra ``report``."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.analysis.memory import PHASES as PEAKS
from bench.analysis.memory import Memory
from bench.analysis.summary import Row
from bench.report.render.numbers import significant
from bench.report.sections.comparison import label, on_device

# Okabe and Ito's colours, which colour-blind readers can tell apart, and shapes beside them.
COLOURS = {"idiomatic": "#0072B2", "tuned": "#D55E00", "own": "#009E73"}
SHAPES = {"idiomatic": "circle", "tuned": "diamond", "own": "square"}
PHASES = {
    "import": "#56B4E9",
    "set-up": "#009E73",
    "first epoch": "#E69F00",
    "next four epochs": "#999999",
}
# The least time that the machine allows, dashed in every chart.
LEAST = "#CC79A7"
# As bench/analysis/memory.py has them, in colours of Okabe and Ito.
MEMORY_PHASES = dict(
    zip(
        PEAKS,
        ("#000000", "#56B4E9", "#F0E442", "#009E73", "#E69F00", "#999999", "#CC79A7"),
        strict=True,
    )
)
# All of the same widths; one of them is on almost every machine.
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"
# Control characters, ends of lines, and what is not a character at all.
UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_WIDTH = 620
_EMPTY = re.compile(
    r'<path class="(?:fore|back)ground" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*/>'
)


def epochs(rows: Sequence[Row], title: str) -> Any:
    """Epoch time of each row as a dot with its interval, on a logarithmic axis.

    A dashed line is the least time that an epoch could take, where it is known: one for each
    problem that the rows solve.
    """
    import altair as alt

    data = alt.Data(values=[_epoch_point(row) for row in rows])
    order = [label(row.case) for row in rows]
    styles = [style for style in COLOURS if style in {row.case.style for row in rows}]
    x = alt.Scale(type="log", nice=False, padding=20)
    base = alt.Chart(data).encode(y=alt.Y("name:N", sort=order, title=None, axis=labels()))
    rule = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=x, title="epoch time, ms (log scale; bars: 95 % interval)"),
        x2="high:Q",
        color=_style_colour(styles),
    )
    dot = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=alt.X("mean:Q", scale=x), color=_style_colour(styles), shape=_style_shape(styles),
        tooltip=["name:N", "style:N", "objective:N", "mean:Q", "low:Q", "high:Q"],
    )  # fmt: skip
    text = base.mark_text(align="left", dx=9, dy=-7, fontSize=10).encode(
        x=alt.X("mean:Q", scale=x), text="label:N"
    )
    layers = [*_least(rows, x), rule, dot, text]
    return dressed(alt.layer(*layers), title, len(rows))


def _least(rows: Sequence[Row], scale: Any) -> list[Any]:
    """Return the line of the least epoch and its label; nothing where no probe told it."""
    import altair as alt

    times = sorted({row.roofline_seconds * 1e3 for row in rows if row.roofline_seconds is not None})
    if not times:
        return []
    points = [{"least": time, "said": f"least: {significant(time)}"} for time in times]
    base = alt.Chart(alt.Data(values=points)).encode(x=alt.X("least:Q", scale=scale))
    label = base.mark_text(align="left", dx=4, dy=9, fontSize=10, color=LEAST)
    return [
        base.mark_rule(strokeDash=[4, 3], color=LEAST).encode(tooltip=["said:N"]),
        label.encode(y=alt.value(0), text="said:N"),
    ]


def _epoch_point(row: Row) -> dict[str, object]:
    found = row.epoch
    assert found is not None
    mean = found.mean * 1e3
    return {
        "name": label(row.case),
        "style": row.case.style, "objective": row.case.objective, "mean": mean,
        "low": found.low * 1e3 if found.low else mean,
        "high": found.high * 1e3 if found.high else mean,
        "label": significant(mean),
    }  # fmt: skip


def cold_start(rows: Sequence[Row], title: str) -> Any:
    """Where the time of a cold run of five epochs goes: stacked bars, seconds."""
    import altair as alt

    points = [point for row in rows for point in _phases(row)]
    order = list(dict.fromkeys(str(point["name"]) for point in points))
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_bar()
        .encode(
            y=alt.Y("name:N", sort=order, title=None, axis=labels()),
            x=alt.X("seconds:Q", title="seconds from start to five epochs trained"),
            color=alt.Color(
                "phase:N", title=None, legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=list(PHASES), range=list(PHASES.values())),
            ),
            order=alt.Order("number:Q"),
            tooltip=["name:N", "phase:N", "seconds:Q"],
        )
    )  # fmt: skip
    return dressed(chart, title, len(order))


def _phases(row: Row) -> list[dict[str, object]]:
    assert row.epoch is not None
    times = (row.imports or 0, row.setup or 0, row.first_epoch or 0, 4 * row.epoch.mean)
    return [
        {"name": label(row.case), "phase": phase, "number": number, "seconds": seconds}
        for number, (phase, seconds) in enumerate(zip(PHASES, times, strict=True))
    ]


def cold_seconds(row: Row) -> float:
    """Seconds from the start of the import to five trained epochs."""
    return sum(float(str(point["seconds"])) for point in _phases(row))


def memory(found: Sequence[Memory], title: str) -> Any:
    """What each phase adds to the peak of the resident memory: stacked bars, MiB."""
    import altair as alt

    points = [point for each in found for point in _added(each)]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_bar()
        .encode(
            y=alt.Y("name:N", sort=names, title=None, axis=labels()),
            x=alt.X("added:Q", title="peak resident memory, MiB"),
            color=alt.Color(
                "phase:N", title=None, legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=list(MEMORY_PHASES), range=list(MEMORY_PHASES.values())),
            ),
            order=alt.Order("number:Q"),
            tooltip=["name:N", "phase:N", "added:Q", "peak:Q"],
        )
    )  # fmt: skip
    return dressed(chart, title, len(names))


def _added(found: Memory) -> Iterator[dict[str, object]]:
    """Yield what each phase adds to the peak before it, MiB."""
    before = 0.0
    for number, phase in enumerate(MEMORY_PHASES):
        peak = found.peaks.get(phase, before)
        yield {
            "name": on_device(found.case.implementation, found.case.device), "phase": phase,
            "number": number, "added": (peak - before) / 2**20, "peak": peak / 2**20,
        }  # fmt: skip
        before = peak


def specification(chart: Callable[[], Any]) -> dict[str, Any]:
    """Make a chart and return its Vega-Lite, its texts without what no chart can show.

    Without Altair's checks, which take longer than the drawing: the tests have them made. A name of
    a record may hold control characters, which are not allowed in an SVG and end the process that
    measures their width, and U+2028, at which Vega's reader of expressions stops.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return dict(_readable(chart().to_dict(validate=False)))


def svg(chart: Any) -> str:
    """Render a chart or its specification, with room for wider letters than it is laid out with.

    Without the empty paths by which Vega catches what a pointer does.
    """
    import vl_convert

    found = chart if isinstance(chart, dict) else specification(lambda: chart)
    config = {"font": FONT, "padding": {"left": 20, "top": 5, "right": 5, "bottom": 5}}
    return _EMPTY.sub("", str(vl_convert.vegalite_to_svg(json.dumps(found), config=config)))


def _readable(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _readable(its) for key, its in found.items()}
    if isinstance(found, list):
        return [_readable(each) for each in found]
    return UNREADABLE.sub(" ", found) if isinstance(found, str) else found


def _style_colour(styles: Sequence[str]) -> Any:
    import altair as alt

    scale = alt.Scale(domain=styles, range=[COLOURS[style] for style in styles])
    return alt.Color("style:N", scale=scale, title=None, legend=alt.Legend(orient="top"))


def _style_shape(styles: Sequence[str]) -> Any:
    import altair as alt

    scale = alt.Scale(domain=styles, range=[SHAPES[style] for style in styles])
    return alt.Shape("style:N", scale=scale, title=None)


def labels(*, grid: bool = True) -> Any:
    """Return the axis of a chart with a line for each implementation."""
    import altair as alt

    return alt.Axis(labelLimit=260, labelFontSize=12, ticks=False, domain=False, grid=grid)


def dressed(chart: Any, title: str, rows: int) -> Any:
    """Give a chart of so many lines its title and its size."""
    return (
        chart.properties(title=title, width=_WIDTH, height=26 * rows, background="white")
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=14, offset=12)
    )
