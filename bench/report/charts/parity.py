"""The chart of parity errors."""

import math
from collections.abc import Sequence
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts.style import (
    COLOURS,
    JOINED,
    draw_limits,
    encode_names,
    finish_chart,
    make_log_axis,
)
from bench.report.sections.comparison import describe_size, label_case

# Shape, colour and area of each kind; the last kind is drawn on top.
_KINDS = {
    "another size": ("square", "#999999", 20),
    "first size": ("circle", COLOURS["idiomatic"], 70),
    "above the tolerance": ("cross", COLOURS["tuned"], 70),
}


def can_draw_error(row: Row) -> bool:
    """Return whether a row's error has a place on a logarithmic axis."""
    return row.parity_error is not None and 0 < row.parity_error < math.inf


def chart_parity(rows: Sequence[Row], tolerances: Sequence[float], title: str) -> Any:
    """Draw each row's parity error as a dot on a logarithmic axis, and the tolerances as lines.

    Errors that are zero or infinite are only in the table.
    """
    import altair as alt

    points = [_make_point(row, max(tolerances)) for row in rows if can_draw_error(row)]
    points.sort(key=lambda point: list(_KINDS).index(point["what"]))
    by_error = sorted(points, key=lambda point: (point["what"] == "another size", point["error"]))
    names = list(dict.fromkeys(point["name"] for point in by_error))
    x = alt.Scale(type="log", nice=False, padding=20)
    kinds = list(dict.fromkeys(point["what"] for point in points))
    legend = alt.Legend(orient="top", values=kinds)
    # The scales have all kinds: Vega would draw the areas of a single kind as zero.
    shape, colour, area = (
        alt.Scale(domain=list(_KINDS), range=list(values))
        for values in zip(*_KINDS.values(), strict=True)
    )
    axis = make_log_axis([*(point["error"] for point in points), *tolerances], format=".0e")
    dots = (
        alt.Chart(alt.Data(values=points))
        .mark_point(filled=True, opacity=1, aria=True)
        .encode(
            y=encode_names(names),
            x=alt.X("error:Q", scale=x, title="parity error (log scale)", axis=axis),
            color=alt.Color("what:N", scale=colour, title=None, legend=legend),
            shape=alt.Shape("what:N", scale=shape, title=None, legend=legend),
            size=alt.Size("what:N", scale=area, title=None, legend=legend, sort=list(_KINDS)),
            description="tip:N",
        )
    )
    limits = draw_limits({limit: f"tolerance {limit:.0e}" for limit in tolerances}, x)
    return finish_chart(alt.layer(*limits, dots), title, len(names))


def _make_point(row: Row, tolerance: float) -> dict[str, Any]:
    case, error = row.case, row.parity_error or 0.0
    kind = "another size" if row.swept else "first size"
    return {
        "name": label_case(case),
        "error": error,
        "tip": JOINED.join([label_case(case), f"error {error:.1e}", describe_size(case)]),
        "what": kind if error <= tolerance else "above the tolerance",
    }
