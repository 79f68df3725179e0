"""The chart of epochs on several machines, as an Altair specification; needs ``report``."""

from collections.abc import Sequence
from typing import Any

from bench.report.charts import dressed, labels
from bench.report.numbers import significant
from bench.report.several import Alike
from bench.summary import Row

# Okabe and Ito's colours without black and yellow, which one of the two backgrounds swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")


def by_machine(rows: Alike, machines: Sequence[str], title: str) -> Any:
    """Epoch time of each implementation as a dot a machine, on a logarithmic axis."""
    import altair as alt

    points = [
        _point(called, name, its[name])
        for called, its in rows.items() for name in machines if name in its and its[name].ranked
    ]  # fmt: skip
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    there = [name for name in machines if any(point["machine"] == name for point in points)]
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
