"""The chart of epoch times."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts.style import (
    BARS,
    COLOURS,
    LIMIT,
    SHAPES,
    alt,
    encode_names,
    finish_chart,
    make_log_axis,
)
from bench.report.labels import label_case, remark_processes, start_tip
from bench.report.parts import JOINED
from bench.report.render.numbers import format_duration, format_number

EPOCH_AXIS = "epoch time, ms (log scale)"


def chart_epochs(rows: Sequence[Row], title: str) -> Any:
    """Draw each row's processes and the typical one with its interval, on a logarithmic axis.

    Of a row that waits in some of its epochs, every epoch is drawn in place of the processes.

    A tick shows the roofline of each row.
    """
    points = []
    for row in rows:
        tip = [*start_tip(row.case), row.case.style, f"epoch {format_duration(row.epoch)}"]
        if row.roofline_seconds:
            tip.append(f"roofline {format_duration(row.roofline_seconds)}")
        tip.append(f"{row.succeeded} of {row.rounds} processes")
        points.append(
            {
                **_make_point(row),
                "name": label_case(row.case),
                "of": f"{label_case(row.case)}{JOINED}",
                "style": row.case.style,
                "roofline": row.roofline_seconds and 1e3 * row.roofline_seconds,
                "tip": JOINED.join(tip),
            }
        )
    probed = any(point["roofline"] is not None for point in points)
    styles = [style for style in COLOURS if style in {row.case.style for row in rows}]
    colour = alt.Color(
        "style:N",
        scale=alt.Scale(domain=styles, range=[COLOURS[style] for style in styles]),
        title=None,
        legend=alt.Legend(orient="top"),
    )
    shapes = alt.Scale(domain=styles, range=[SHAPES[style] for style in styles])
    names = encode_names([point["name"] for point in points])
    base = alt.Chart(alt.Data(values=points)).encode(y=names)
    times = [1e3 * time for row in rows for _, time in _list_times(row)]
    drawn = [*times, *(point["roofline"] for point in points if point["roofline"])]
    x = _encode_times(drawn)
    dots = _draw_dots(
        base, x, size=70, color=colour, shape=alt.Shape("style:N", scale=shapes, title=None)
    )
    # A layer without data would have no scale.
    ticks = [
        base.transform_filter("isValid(datum.roofline)")
        .mark_tick(color=LIMIT, thickness=2, aria=True)
        .encode(x=alt.X("roofline:Q", **x), description="of:N")
    ] * probed
    # The text is on the side that has room for it.
    late = f"datum.mean > {math.sqrt(min(drawn) * max(drawn))}"
    text = base.mark_text(
        align=alt.expr(f"{late} ? 'right' : 'left'"),
        dx=alt.expr(f"{late} ? -9 : 9"),
        dy=-7,
        fontSize=11,
        aria=True,
    ).encode(x=alt.X("mean:Q", **x), text="text:N", description="of:N")
    # Layers of their own: so their data are written once, and not for each of them.
    layers = alt.layer(_draw_rings(rows, names, x, colour), alt.layer(*ticks, *dots, text))
    legend = [BARS, "rings: processes"] * _has_bars(rows) + ["ticks: roofline"] * probed
    legend += ["programs that wait: a ring for each epoch"] * any(row.waits for row in rows)
    return finish_chart(layers, title, len(rows), "; ".join(legend))


def _list_times(row: Row) -> list[tuple[str, float]]:
    """Return the seconds of each process of a row, or of each epoch if it waits in some."""
    if row.waits:
        return [("an epoch", seconds) for seconds in row.waits.epochs]
    return [(f"process of round {n}", seconds) for n, seconds in row.epochs_by_round.items()]


def _draw_rings(rows: Sequence[Row], names: Any, x: Mapping[str, Any], colour: Any) -> Any:
    """Return the layer of a ring for each process or epoch."""
    points = [
        {
            "name": label_case(row.case),
            "style": row.case.style,
            "ms": 1e3 * time,
            "tip": JOINED.join([*start_tip(row.case), what, format_duration(time)]),
        }
        for row in rows
        for what, time in _list_times(row)
    ]
    rings = alt.Chart(alt.Data(values=points)).mark_point(
        size=30, strokeWidth=1, opacity=0.8, aria=True
    )
    return rings.encode(y=names, x=alt.X("ms:Q", **x), color=colour, description="tip:N")


def _has_bars(rows: Iterable[Row]) -> bool:
    """Return whether a row was measured repeatedly."""
    return any(row.epoch is not None and row.epoch.low is not None for row in rows)


def _make_point(row: Row) -> dict[str, Any]:
    """Return the epoch time of a ranked row in ms, the ends of its interval, and a label."""
    assert row.epoch is not None  # ranked rows have times
    mean, low, high = row.epoch.mean, row.epoch.low, row.epoch.high
    return {
        "mean": 1e3 * mean,
        "low": 1e3 * (low or mean),
        "high": 1e3 * (high or mean),
        "text": format_number(1e3 * mean) + remark_processes(row),
    }


def _encode_times(times: Sequence[float]) -> dict[str, Any]:
    """Return scale, axis and title of a channel of times in ms."""
    scale = alt.Scale(type="log", nice=False, padding=20)
    return {"scale": scale, "axis": make_log_axis(times, format="~g"), "title": EPOCH_AXIS}


def _draw_dots(base: Any, x: Mapping[str, Any], *, size: int, color: Any, shape: Any) -> list[Any]:
    """Return the layers of each point's dot, and of the bar of its interval.

    The field tip is the tooltip of the dot, and the field of says what both are about.
    """
    bar = base.mark_rule(strokeWidth=2, aria=True)
    dot = base.mark_point(size=size, filled=True, opacity=1, aria=True)
    return [
        bar.encode(x=alt.X("low:Q", **x), x2="high:Q", color=color, description="of:N"),
        dot.encode(x=alt.X("mean:Q", **x), color=color, description="tip:N", shape=shape),
    ]
