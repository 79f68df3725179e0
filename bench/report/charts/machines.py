"""Charts of several machines side by side."""

from typing import TYPE_CHECKING, Any

from bench.analysis.summary import Row
from bench.report.charts.style import (
    bound_interval,
    choose_ticks,
    draw_dots,
    encode_names,
    finish_chart,
)
from bench.report.render import numbers
from bench.report.render.numbers import format_number
from bench.report.sections.comparison import describe_status

if TYPE_CHECKING:
    from bench.report.sections.machines import ProblemRows

# Okabe and Ito's colours without black and yellow, which are invisible on one of two backgrounds.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
# Nine steps of viridis: perceptually uniform, also in grey and for colour-blind readers.
# Source: N. Smith and S. van der Walt, https://bids.github.io/colormap/
HEAT = (
    "#440154",
    "#472d7b",
    "#3b528b",
    "#2c728e",
    "#21918c",
    "#28ae80",
    "#5ec962",
    "#addc30",
    "#fde725",
)
# From this part of the scale on, black letters have more contrast than white ones (4.5 there).
LIGHT = 0.435
# In cells narrower than NARROW pixels the numbers are vertical, and machine names have one line.
# In cells wider than LEVEL the machine names are horizontal.
NARROW, LEVEL = 40, 180
_PREFIXES = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def chart_machines(problem: "ProblemRows", title: str) -> Any:
    """Draw each implementation's epoch time as a dot for each machine, on a logarithmic axis."""
    import altair as alt

    points = [
        {
            "name": name,
            "machine": str(one),
            "mean": epoch.mean * 1e3,
            **dict(zip(("low", "high"), bound_interval(epoch, 1e3), strict=True)),
            "text": f"{format_number(epoch.mean * 1e3)} ms",
        }
        for name, by_hardware in problem.rows.items()
        for one in problem.hardware
        if one in by_hardware
        and by_hardware[one].ranked
        and (epoch := by_hardware[one].epoch) is not None
    ]
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    measured = {point["machine"] for point in points}
    machines = [name for name in map(str, problem.hardware) if name in measured]
    scale = alt.Scale(type="log", nice=False, padding=20)
    legend = alt.Legend(orient="top", columns=1, labelLimit=600)
    colours, shapes = (
        alt.Scale(domain=machines, range=[values[n % len(values)] for n in range(len(machines))])
        for values in (COLOURS, SHAPES)
    )
    colour = alt.Color("machine:N", scale=colours, title=None, legend=legend)
    base = alt.Chart(alt.Data(values=points)).encode(
        y=encode_names(names),
        yOffset=alt.YOffset("machine:N", sort=machines),
    )
    shape = alt.Shape("machine:N", scale=shapes, title=None, legend=legend)
    tooltip = ["name:N", "machine:N", "text:N"]
    dots = draw_dots(
        base,
        "mean",
        scale=scale,
        x_title="epoch time, ms (log scale; bars: 95 % interval)",
        colour=colour,
        size=60,
        shape=shape,
        tooltip=tooltip,
    )
    return finish_chart(alt.layer(*dots), title, len(names))


def chart_throughput(problem: "ProblemRows", title: str) -> Any:
    """Draw samples per second as a heat map: a line for each implementation, lighter is faster.

    Colours have a logarithmic scale. A cell without a number is grey and gives the reason.
    """
    import altair as alt

    cells = [
        _make_cell(name, str(one), by_hardware.get(one))
        for name, by_hardware in problem.rows.items()
        for one in problem.hardware
    ]
    rates = [cell["rate"] for cell in cells if cell["rate"] is not None]
    low, high = min(rates), max(rates)
    if low == high:
        low, high = low / 2, high * 2
    steps = [low * (high / low) ** (number / (len(HEAT) - 1)) for number in range(len(HEAT))]
    machines = list(map(str, problem.hardware))
    width = f"width / {len(machines)}"
    narrow = f"{width} < {NARROW}"
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("machine:N", sort=machines, title=None, axis=_make_machine_axis(width)),
        y=encode_names(list(problem.rows), grid=False),
        tooltip=["name:N", "machine:N", "text:N"],
    )
    legend = alt.Legend(
        orient="top",
        values=choose_ticks(rates) or [low, high],
        format="~s",
        gradientLength=alt.expr("min(200, width)"),
    )
    scale = alt.Scale(type="log", domain=steps, range=list(HEAT), interpolate="rgb")
    colour = alt.Color("rate:Q", title="samples/s (log scale)", legend=legend, scale=scale)
    # The page recognises the letters on grey by their #000000.
    letters = (
        alt.when(f"datum.rate > {low * (high / low) ** LIGHT}")
        .then(alt.value("black"))
        .when("isValid(datum.rate)")
        .then(alt.value("white"))
        .otherwise(alt.value("#000000"))
    )
    text = base.mark_text(
        angle=alt.expr(f"{narrow} ? 270 : 0"),
        fontSize=alt.expr(f"{narrow} ? 9 : 11"),
        limit=alt.expr(f"{narrow} ? 25 : {width} - 2"),
    )
    layers = [
        base.mark_rect(color="#dddddd", aria=False),  # shows where there is no number
        base.mark_rect().encode(color=colour),
        text.encode(text="short:N", color=letters),
    ]
    return finish_chart(alt.layer(*layers), title, len(problem.rows))


def _make_machine_axis(width: str) -> Any:
    """Return the axis of the machines. width: the expression for the width of a cell.

    Names are split into lines. Vega starts vertical lines at the middle of a column, hence the
    offset.
    """
    import altair as alt

    level, narrow = f"{width} >= {LEVEL}", f"{width} < {NARROW}"
    # The end of a long name is cut off: put the device first.
    line = "(length(datum.label) > 40 ? peek(split(datum.label, ', ')) + ', ' : '') + datum.label"
    return alt.Axis(
        ticks=False,
        domain=False,
        grid=False,
        labelLimit=260,
        labelFontSize=11,
        labelAngle=alt.expr(f"{level} ? 0 : 270"),
        labelAlign=alt.expr(f"{level} ? 'center' : 'right'"),
        labelOffset=alt.expr(f"{level} || {narrow} ? 0 : -14"),
        labelExpr=f"{narrow} ? {line} : split(datum.label, ', ')",
    )


def _make_cell(name: str, machine: str, row: Row | None) -> dict[str, Any]:
    rate = row.samples_per_second if row and row.ranked else None
    if rate:
        text, short = f"{format_number(rate)} samples/s", _format_short(rate)
    else:
        text = describe_status(row)
        short = text if row else numbers.ABSENT
    return {"name": name, "machine": machine, "rate": rate, "text": text, "short": short}


def _format_short(value: float) -> str:
    """Format a number with two digits and a prefix: 1.1M."""
    rounded = float(f"{value:.2g}")
    prefix, scale = next((one for one in _PREFIXES if rounded >= one[1]), ("", 1.0))
    return f"{format_number(rounded / scale, 2)}{prefix}"
