"""The chart of accuracy over the epochs."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts.style import COLOURS, alt, finish_chart
from bench.report.parts import JOINED
from bench.report.render.numbers import format_share

_ROWS = 8  # height, in rows of the other charts
_OBJECTIVES = {"softmax": COLOURS["idiomatic"], "one-vs-rest": COLOURS["own"]}


def chart_accuracy(rows: Sequence[Row], title: str) -> Any:
    """Draw validation accuracy after each epoch, a line for each objective.

    Ranked programs of one objective have the same weights to within the tolerance, so one line
    shows them all: the mean, and from the least to the largest over programs and seeds.
    """
    points: list[dict[str, Any]] = []
    for objective in _OBJECTIVES:
        group = [row for row in rows if row.case.objective == objective]
        curves = (curve[: row.case.epochs] for row in group for curve in row.accuracy.curves)
        for epoch, accuracies in enumerate(zip(*curves, strict=False), 1):
            mean, low, high = fmean(accuracies), min(accuracies), max(accuracies)
            programs = f"{len(group)} {objective} program{'s' * (len(group) > 1)}"
            text = f"accuracy {format_share(mean)}"
            if low < high:
                text += f", from {format_share(low)} to {format_share(high)}"
            points.append(
                {
                    "programs": programs,
                    "epoch": epoch,
                    "accuracy": mean,
                    "low": low,
                    "high": high,
                    "tip": JOINED.join([programs, f"epoch {epoch}", text]),
                }
            )
    names = list(dict.fromkeys(point["programs"] for point in points))
    colours = [_OBJECTIVES[name.split()[1]] for name in names]
    epochs = sorted({point["epoch"] for point in points})
    scale = alt.Scale(zero=False, padding=10)
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("epoch:Q", scale=scale, axis=alt.Axis(values=epochs, format="d"), title="epoch"),
        color=alt.Color(
            "programs:N",
            title=None,
            scale=alt.Scale(domain=names, range=colours),
            legend=alt.Legend(orient="top", labelLimit=300),
        ),
    )
    y = {"scale": scale, "axis": alt.Axis(tickCount=5, format=".3f"), "title": "accuracy"}
    mean = alt.Y("accuracy:Q", **y)
    layers = alt.layer(
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(strokeWidth=1).encode(y=mean),
        base.mark_point(size=60, filled=True, opacity=1, aria=True).encode(
            y=mean, description="tip:N"
        ),
    )
    return finish_chart(layers, title, _ROWS)
