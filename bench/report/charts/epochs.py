"""Charts of epoch time, on one machine or several, of a cold start, and of memory by phase.

Only tooltips name the threads that a pilot chose: it chooses once for each row, so the shorter
labels of the axis are unique without them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analysis.summary import MEMORY_PHASES, Memory, Row
from bench.report.charts.style import (
    BARS,
    JOINED,
    LIMIT,
    bound_interval,
    draw_dots,
    encode_names,
    encode_style,
    finish_chart,
    has_bars,
    make_log_axis,
)
from bench.report.render.numbers import format_duration, format_mebibytes, format_number
from bench.report.sections.costs.comparison import (
    label_case,
    remark_processes,
    start_tip,
)

START_COLOURS = {
    "import": "#56B4E9",
    "set-up": "#009E73",
    "first epoch": "#E69F00",
    "next four epochs": "#999999",
}
EPOCH_AXIS = "epoch time, ms (log scale)"
# Okabe and Ito's colours without black and yellow, which are invisible on one of two backgrounds.
MACHINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MACHINE_SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
_MEMORY_RANGE = ("#000000", "#56B4E9", "#F0E442", "#009E73", "#E69F00", "#999999", "#CC79A7")
MEMORY_COLOURS = dict(zip(MEMORY_PHASES, _MEMORY_RANGE, strict=True))


def chart_epochs(rows: Sequence[Row], title: str) -> Any:
    """Draw each row's processes and the typical one with its interval, on a logarithmic axis.

    A tick shows the roofline of each row: the least time of an epoch.
    """
    import altair as alt

    points = [
        {
            "name": label_case(row.case),
            "of": JOINED.join([label_case(row.case), ""]),
            "style": row.case.style,
            "roofline": row.roofline_seconds and 1e3 * row.roofline_seconds,
            **_make_milliseconds(row),
        }
        for row in rows
    ]
    for point, row in zip(points, rows, strict=True):
        point["tip"] = JOINED.join(
            [
                *start_tip(row.case),
                row.case.style,
                f"epoch {format_duration(row.epoch)}",
                *[f"roofline {format_duration(row.roofline_seconds)}"] * bool(point["roofline"]),
                f"{row.succeeded} of {row.rounds} processes",
            ]
        )
    names = [point["name"] for point in points]
    probed = any(point["roofline"] is not None for point in points)
    colour, shape = encode_style(row.case.style for row in rows)
    scale = alt.Scale(type="log", nice=False, padding=20)
    base = alt.Chart(alt.Data(values=points)).encode(y=encode_names(names))
    times = [1e3 * time for row in rows for time in row.epochs_by_round.values()]
    drawn = [*times, *(point["roofline"] for point in points if point["roofline"])]
    x = {"scale": scale, "axis": make_log_axis(drawn, format="~g"), "title": EPOCH_AXIS}
    dots = draw_dots(base, "mean", x=x, colour=colour, size=70, shape=shape)
    rings = _draw_processes(rows, encode_names(names), x, colour)
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
        fontSize=10,
        aria=True,
    ).encode(x=alt.X("mean:Q", **x), text="text:N", description="of:N")
    # Layers of their own: so their data are written once, and not for each of them.
    several = has_bars(row.epoch for row in rows)
    legend = [BARS, "rings: processes"] * several + ["ticks: roofline"] * probed
    layers = alt.layer(rings, alt.layer(*ticks, *dots, text))
    return finish_chart(layers, title, len(rows), "; ".join(legend))


def _draw_processes(rows: Sequence[Row], names: Any, x: Mapping[str, Any], colour: Any) -> Any:
    """Return the layer of a ring for each process."""
    import altair as alt

    points = [
        {
            "name": name,
            "style": row.case.style,
            "ms": 1e3 * time,
            "tip": JOINED.join(
                [
                    *start_tip(row.case),
                    f"process of round {number}",
                    format_duration(time),
                ]
            ),
        }
        for row in rows
        for name in [label_case(row.case)]
        for number, time in row.epochs_by_round.items()
    ]
    rings = alt.Chart(alt.Data(values=points)).mark_point(
        size=30, strokeWidth=1, opacity=0.8, aria=True
    )
    return rings.encode(y=names, x=alt.X("ms:Q", **x), color=colour, description="tip:N")


def chart_machines(
    rows: Mapping[str, Mapping[str, Row]], machines: Sequence[str], title: str
) -> Any:
    """Draw each implementation's epoch time as a dot for each machine, on a logarithmic axis.

    rows: ranked rows by implementation and machine. machines: in the order of the legend.
    """
    import altair as alt

    points = [
        {
            "name": name,
            "machine": machine,
            **_make_milliseconds(row),
            "of": JOINED.join([name, row.machine, ""]),
            "tip": JOINED.join(
                [
                    name,
                    row.machine,
                    machine.removeprefix(f"{row.machine}, "),
                    format_duration(row.epoch),
                ]
            ),
        }
        for name, by_machine in rows.items()
        for machine in machines
        if (row := by_machine.get(machine))
    ]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    measured = {point["machine"] for point in points}
    machines = [machine for machine in machines if machine in measured]
    legend = alt.Legend(orient="top", columns=1, labelLimit=600)
    colours, shapes = (
        alt.Scale(domain=machines, range=[values[n % len(values)] for n in range(len(machines))])
        for values in (MACHINE_COLOURS, MACHINE_SHAPES)
    )
    dots = draw_dots(
        alt.Chart(alt.Data(values=points)).encode(
            y=encode_names(names), yOffset=alt.YOffset("machine:N", sort=machines)
        ),
        "mean",
        x={
            "scale": alt.Scale(type="log", nice=False, padding=20),
            "axis": make_log_axis((point["mean"] for point in points), format="~g"),
            "title": EPOCH_AXIS,
        },
        colour=alt.Color("machine:N", scale=colours, title=None, legend=legend),
        size=60,
        shape=alt.Shape("machine:N", scale=shapes, title=None, legend=legend),
    )
    bars = has_bars(row.epoch for by_machine in rows.values() for row in by_machine.values())
    return finish_chart(alt.layer(*dots), title, len(names), BARS * bars)


def _make_milliseconds(row: Row) -> dict[str, Any]:
    """Return the epoch time of a ranked row in ms, the ends of its interval, and a label."""
    assert row.epoch is not None  # ranked rows have times
    low, high = bound_interval(row.epoch, 1e3)
    mean = row.epoch.mean * 1e3
    text = format_number(mean) + remark_processes(row)
    return {"mean": mean, "low": low, "high": high, "text": text}


def chart_cold_start(rows: Sequence[Row], title: str) -> Any:
    """Draw where the time of five epochs from a cold start goes: stacked bars, seconds."""
    points = [
        {
            "name": name,
            "phase": phase,
            "number": number,
            "seconds": seconds,
            "tip": JOINED.join([*start_tip(row.case), phase, format_duration(seconds)]),
        }
        for row in rows
        for name in [label_case(row.case)]
        for number, (phase, seconds) in enumerate(_list_phases(row).items())
    ]
    x_title = "seconds from start to five epochs trained"
    return _stack(points, "seconds", x_title, START_COLOURS, title)


def _list_phases(row: Row) -> dict[str, float]:
    """Return the seconds of each phase from the start of the import to five trained epochs."""
    assert row.epoch is not None  # ranked rows have times
    times = (row.imports or 0, row.setup or 0, row.first_epoch or 0, 4 * row.epoch.mean)
    return dict(zip(START_COLOURS, times, strict=True))


def sum_cold_start(row: Row) -> float:
    """Return the seconds from the start of the import to five trained epochs."""
    return sum(_list_phases(row).values())


def chart_memory(memories: Sequence[Memory], title: str) -> Any:
    """Draw what each phase adds to the peak of the resident memory: stacked bars, MiB."""
    points: list[dict[str, Any]] = []
    for memory in memories:
        before, case = 0.0, memory.case
        name = label_case(case)
        for number, phase in enumerate(MEMORY_COLOURS):
            peak = memory.peaks.get(phase, before)
            points.append(
                {
                    "name": name,
                    "phase": phase,
                    "number": number,
                    "added": (peak - before) / 2**20,
                    "tip": JOINED.join(
                        [
                            *start_tip(case),
                            phase,
                            f"adds {format_mebibytes(peak - before)}",
                            f"peak {format_mebibytes(peak)}",
                        ]
                    ),
                }
            )
            before = peak
    return _stack(points, "added", "peak resident memory, MiB", MEMORY_COLOURS, title)


def _stack(
    points: Sequence[Mapping[str, Any]],
    field: str,
    x_title: str,
    colours: Mapping[str, str],
    title: str,
) -> Any:
    """Draw stacked bars, a bar for each name and a colour for each phase; tip is the tooltip."""
    import altair as alt

    names = list(dict.fromkeys(str(point["name"]) for point in points))
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_bar(aria=True)
        .encode(
            y=encode_names(names),
            x=alt.X(f"{field}:Q", title=x_title),
            color=alt.Color("phase:N", title=None, legend=alt.Legend(orient="top"), scale=scale),
            order=alt.Order("number:Q"),
            description="tip:N",
        )
    )
    return finish_chart(chart, title, len(names))
