"""The chart of parity errors, as an Altair specification; needs the extra ``report``."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts import ticks
from bench.report.charts.epochs import COLOURS, LEAST, dressed, labels
from bench.report.sections.comparison import label

# In the order in which they are drawn: the last is on top.
_KINDS = {
    "another size": ("square", "#999999", 20),
    "first size": ("circle", COLOURS["idiomatic"], 70),
    "above the tolerance": ("cross", COLOURS["tuned"], 70),
}


def errors(rows: Sequence[Row], tolerances: Sequence[float], title: str) -> Any:
    """Parity error of each row as a dot on a logarithmic axis, and the tolerance as a line.

    What is nought or infinite has no place on such an axis, and is in the table only.
    """
    import altair as alt

    unordered = [point for row in rows for point in _point(row, max(tolerances))]
    points = sorted(unordered, key=lambda one: list(_KINDS).index(one["what"]))
    order = list(dict.fromkeys(str(one["name"]) for one in sorted(points, key=_size)))
    x = alt.Scale(type="log", nice=False, padding=20)
    shown = [point["error"] for point in points]
    known = list(dict.fromkeys(point["what"] for point in points))
    legend = alt.Legend(orient="top", values=known)
    # Of all kinds, because sizes of one kind alone would come to nothing.
    shape, colour, area = (
        alt.Scale(domain=list(_KINDS), range=list(each))
        for each in zip(*_KINDS.values(), strict=True)
    )
    dots = alt.Chart(alt.Data(values=points)).mark_point(filled=True, opacity=1)
    layer = dots.encode(
        y=alt.Y("name:N", sort=order, title=None, axis=labels()),
        x=alt.X("error:Q", scale=x, title="parity error (log scale)",
                axis=alt.Axis(**ticks.axis([*shown, *tolerances]), format=".0e")),
        color=alt.Color("what:N", scale=colour, title=None, legend=legend),
        shape=alt.Shape("what:N", scale=shape, title=None, legend=legend),
        size=alt.Size("what:N", scale=area, title=None, legend=legend, sort=list(_KINDS)),
        tooltip=["name:N", "error:Q", "batch_size:Q", "threads:Q", "samples:Q", "device:N"],
    )  # fmt: skip
    return dressed(alt.layer(*_limits(tolerances, x), layer), title, len(order))


def _limits(tolerances: Sequence[float], scale: Any) -> list[Any]:
    """Return the line of each tolerance, and its label."""
    import altair as alt

    points = [{"limit": limit, "said": f"tolerance {limit:.0e}"} for limit in tolerances]
    base = alt.Chart(alt.Data(values=points)).encode(x=alt.X("limit:Q", scale=scale))
    text = base.mark_text(dy=-7, fontSize=10, color=LEAST)
    return [
        base.mark_rule(strokeDash=[4, 3], color=LEAST),
        text.encode(y=alt.value(0), text="said:N"),
    ]


def placed(row: Row) -> bool:
    """Tell whether an error has a place on a logarithmic axis."""
    return row.parity_error is not None and 0 < row.parity_error < math.inf


def _point(row: Row, tolerance: float) -> Iterator[dict[str, Any]]:
    error, case = row.parity_error, row.case
    if error is not None and placed(row):
        what = "another size" if row.swept else "first size"
        yield {
            "name": label(case), "error": error, "batch_size": case.batch_size,
            "threads": case.threads, "samples": case.samples, "device": case.device,
            "what": what if error <= tolerance else "above the tolerance",
        }  # fmt: skip


def _size(point: dict[str, Any]) -> tuple[bool, float]:
    return point["what"] == "another size", float(str(point["error"]))
