"""The chart of parity errors, on one axis with mistakes that were seen to fail."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.analysis.summary import Row
from bench.records.schema import TOLERANCE
from bench.report.charts.style import COLOURS, GREY, JOINED, LIMIT, encode_names, finish_chart
from bench.report.render.numbers import format_error
from bench.report.sections.costs.comparison import describe_size, label_case

# The parity errors of deliberate mistakes by workload, one draw of each, on Fashion-MNIST. The
# command in docs/studies/mistakes.py measures them anew.
MISTAKES = Path(__file__).with_name("mistakes.json")

# Shape, colour and area of each kind; the last kind is drawn on top.
_MISTAKE, _FAILED = "a deliberate mistake", "above the tolerance"
_KINDS = {
    "another size": ("square", GREY, 20),
    "first size": ("circle", COLOURS["idiomatic"], 70),
    _MISTAKE: ("triangle-up", "#E69F00", 90),
    _FAILED: ("cross", COLOURS["tuned"], 70),
}
# Of the axis, unless an error lies beyond it: from the rounding of float32 to plain mistakes.
_LOW, _HIGH = -8, -2


def can_draw_error(row: Row) -> bool:
    """Return whether a row's error has a place on a logarithmic axis."""
    return row.parity_error is not None and 0 < row.parity_error < math.inf


def read_mistakes(workload: str) -> dict[str, float]:
    """Return the parity error of each deliberate mistake in a workload, the smallest first."""
    errors = json.loads(MISTAKES.read_text(encoding="utf-8")).get(workload, {})
    return dict(sorted(errors.items(), key=lambda item: item[1]))


def chart_parity(rows: Sequence[Row], title: str) -> Any:
    """Draw each row's parity error as a dot on a logarithmic axis, and the tolerance as a line.

    rows: of one workload. Those within the tolerance share a line for each objective: the order of
    their errors means nothing. Errors that are zero or infinite are only in the table. Below them
    are deliberate mistakes, which show what an error of some size means.
    """
    import altair as alt

    drawn = [row for row in rows if can_draw_error(row)]
    agreeing: dict[str, set[str]] = defaultdict(set)  # names by objective
    for row in drawn:
        if row.parity_error is not None and row.parity_error <= TOLERANCE:
            agreeing[row.case.objective].add(label_case(row.case))
    lines = {
        objective: f"{len(names)} {objective} program{'s' * (len(names) > 1)}"
        for objective, names in agreeing.items()
    }
    points = [_make_point(row, lines) for row in drawn]
    points += [
        {
            "name": words,
            "error": error,
            "what": _MISTAKE,
            "tip": JOINED.join([words, f"error {format_error(error)}", _MISTAKE]),
        }
        for words, error in read_mistakes(rows[0].case.workload).items()
    ]
    by_error = sorted(points, key=lambda point: (point["what"] == _MISTAKE, point["error"]))
    names = list(dict.fromkeys(point["name"] for point in by_error))
    points.sort(key=lambda point: list(_KINDS).index(point["what"]))
    decades = [math.log10(value) for value in (*(one["error"] for one in points), TOLERANCE)]
    ends = range(min(_LOW, math.floor(min(decades))), max(_HIGH, math.ceil(max(decades))) + 1)
    ticks = [float(f"1e{decade}") for decade in ends]
    x = alt.Scale(type="log", nice=False, domain=[ticks[0], ticks[-1]])
    kinds = list(dict.fromkeys(point["what"] for point in points))
    legend = alt.Legend(orient="top", values=kinds)
    # The scales have all kinds: Vega would draw the areas of a single kind as zero.
    shape, colour, area = (
        alt.Scale(domain=list(_KINDS), range=list(values))
        for values in zip(*_KINDS.values(), strict=True)
    )
    axis = alt.Axis(values=ticks, format=".0e", labelOverlap="parity")
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
    limits = [{"limit": TOLERANCE, "text": f"tolerance {format_error(TOLERANCE)}"}]
    rules = alt.Chart(alt.Data(values=limits)).encode(x=alt.X("limit:Q", scale=x))
    layers = alt.layer(
        rules.mark_rule(strokeDash=[4, 3], color=LIMIT),
        # Above the chart: beside its line, the text could lie over the value of the first row.
        rules.mark_text(dy=-7, fontSize=11).encode(y=alt.value(0), text="text:N"),
        dots,
    )
    return finish_chart(layers, title, len(names))


def _make_point(row: Row, lines: Mapping[str, str]) -> dict[str, Any]:
    """Return the dot of a row; lines: names of the lines of rows that agree, by objective."""
    case, error = row.case, row.parity_error or 0.0
    name, kind = label_case(case), "another size" if row.swept else "first size"
    failed = error > TOLERANCE
    return {
        "name": name if failed else lines[case.objective],
        "error": error,
        "tip": JOINED.join([name, f"error {format_error(error)}", describe_size(case)]),
        "what": _FAILED if failed else kind,
    }
