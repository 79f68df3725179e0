"""Charts of several machines, as Altair specifications; needs the extra ``report``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts import ticks
from bench.report.charts.epochs import dressed, labels
from bench.report.render import numbers
from bench.report.render.numbers import significant
from bench.report.sections.comparison import standing
from bench.report.sections.hardware import Alike

# Okabe and Ito's colours without black and yellow, which one of the two backgrounds swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
# Nine steps of viridis: as far apart for the eye, in grey and for the colour-blind too.
# Source: N. Smith and S. van der Walt, https://bids.github.io/colormap/
HEAT = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30",
        "#fde725")  # fmt: skip
# From this share of the scale on black letters stand out more than white ones: 4.5 times there.
LIGHT = 0.435
# A cell narrower than this, pixels, has its number upright, and its column its name in one line;
# a wider one than the second has its column's name level.
NARROW, LEVEL = 40, 180
_PREFIXES = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def epochs(found: Alike, title: str) -> Any:
    """Epoch time of each implementation as a dot a machine, on a logarithmic axis."""
    import altair as alt

    points = [
        _point(called, str(one), its[one])
        for called, its in found.rows.items()
        for one in found.hardware if one in its and its[one].ranked
    ]  # fmt: skip
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    measured = {point["machine"] for point in points}
    there = [name for name in map(str, found.hardware) if name in measured]
    x = alt.Scale(type="log", nice=False, padding=20)
    legend = alt.Legend(orient="top", columns=1, labelLimit=600)
    colours = alt.Scale(domain=there, range=_cycled(COLOURS, len(there)))
    shapes = alt.Scale(domain=there, range=_cycled(SHAPES, len(there)))
    colour = alt.Color("machine:N", scale=colours, title=None, legend=legend)
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=labels()),
        yOffset=alt.YOffset("machine:N", sort=there),
    )
    rule = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=x, title="epoch time, ms (log scale; bars: 95 % interval)"),
        x2="high:Q", color=colour,
    )  # fmt: skip
    dot = base.mark_point(size=60, filled=True, opacity=1).encode(
        x=alt.X("mean:Q", scale=x), color=colour,
        shape=alt.Shape("machine:N", scale=shapes, title=None, legend=legend),
        tooltip=["name:N", "machine:N", "said:N"],
    )  # fmt: skip
    return dressed(alt.layer(rule, dot), title, len(names))


def _point(called: str, machine: str, row: Row) -> dict[str, object]:
    found = row.epoch
    assert found is not None  # it is ranked
    mean = found.mean * 1e3
    return {
        "name": called, "machine": machine, "mean": mean,
        "low": found.low * 1e3 if found.low else mean,
        "high": found.high * 1e3 if found.high else mean,
        "said": f"{significant(mean)} ms",
    }  # fmt: skip


def _cycled(values: Sequence[str], count: int) -> list[str]:
    return [values[number % len(values)] for number in range(count)]


def throughput(found: Alike, title: str) -> Any:
    """Samples a second, an implementation a line and a machine a column: lighter is faster.

    The colours are of a logarithmic scale. What has no number says why on grey.
    """
    import altair as alt

    points, names = list(_cells(found)), list(map(str, found.hardware))
    scale = _scale([point["rate"] for point in points if point["rate"] is not None])
    place = f"width / {len(names)}"
    narrow = f"{place} < {NARROW}"
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("machine:N", sort=names, title=None, axis=_columns(place)),
        y=alt.Y("name:N", sort=list(found.rows), title=None, axis=labels(grid=False)),
        tooltip=["name:N", "machine:N", "said:N"],
    )
    text = base.mark_text(
        angle=alt.expr(f"{narrow} ? 270 : 0"), fontSize=alt.expr(f"{narrow} ? 9 : 11"),
        limit=alt.expr(f"{narrow} ? 25 : {place} - 2"),
    )  # fmt: skip
    layers = [
        base.mark_rect(color="#dddddd", aria=False),  # what has no number leaves it as it is
        base.mark_rect().encode(color=_colour(scale)),
        text.encode(text="short:N", color=_letters(scale["light"])),
    ]
    return dressed(alt.layer(*layers), title, len(found.rows))


def _colour(scale: Mapping[str, Any]) -> Any:
    import altair as alt

    legend = alt.Legend(
        orient="top", values=scale["ticks"], format="~s", gradientLength=alt.expr("min(200, width)")
    )
    steps = alt.Scale(type="log", domain=scale["domain"], range=list(HEAT), interpolate="rgb")
    return alt.Color("rate:Q", title="samples/s (log scale)", legend=legend, scale=steps)


def _letters(light: float) -> Any:
    """Return letters that stand out; of those on grey the page knows by their #000000."""
    import altair as alt

    return (
        alt.when(f"datum.rate > {light}").then(alt.value("black"))
        .when("isValid(datum.rate)").then(alt.value("white"))
        .otherwise(alt.value("#000000"))
    )  # fmt: skip


def _columns(place: str) -> Any:
    """Return the axis of the machines: level where there is room for it, upright where not.

    In lines, which Vega begins at the middle of a column: upright ones are set back.
    """
    import altair as alt

    level, narrow = f"{place} >= {LEVEL}", f"{place} < {NARROW}"
    # Of a long one the end is cut off: which of the machine's devices it is.
    line = "(length(datum.label) > 40 ? peek(split(datum.label, ', ')) + ', ' : '') + datum.label"
    return alt.Axis(
        ticks=False, domain=False, grid=False, labelLimit=260, labelFontSize=11,
        labelAngle=alt.expr(f"{level} ? 0 : 270"),
        labelAlign=alt.expr(f"{level} ? 'center' : 'right'"),
        labelOffset=alt.expr(f"{level} || {narrow} ? 0 : -14"),
        labelExpr=f"{narrow} ? {line} : split(datum.label, ', ')",
    )  # fmt: skip


def _cells(found: Alike) -> Iterator[dict[str, Any]]:
    for called, its in found.rows.items():
        for one in found.hardware:
            row = its.get(one)
            rate = row.samples_per_second if row and row.ranked else None
            short = _short(rate) if rate else standing(row) if row else numbers.ABSENT
            said = f"{significant(rate)} samples/s" if rate else standing(row)
            yield {"name": called, "machine": str(one), "rate": rate, "said": said, "short": short}


def _short(value: float) -> str:
    """Show a number in two digits with the prefix of its thousands: 1.1M."""
    rounded = float(f"{value:.2g}")
    prefix, scale = next((each for each in _PREFIXES if rounded >= each[1]), ("", 1.0))
    return f"{significant(rounded / scale, 2)}{prefix}"


def _scale(rates: Sequence[float]) -> dict[str, Any]:
    """Return where on a logarithmic scale each colour is, its ticks, and where it becomes light."""
    low, high = min(rates), max(rates)
    if low == high:
        low, high = low / 2, high * 2
    steps = [low * (high / low) ** (number / (len(HEAT) - 1)) for number in range(len(HEAT))]
    return {"domain": steps, "ticks": ticks.logarithmic(rates) or [low, high],
            "light": low * (high / low) ** LIGHT}  # fmt: skip
