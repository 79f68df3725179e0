"""The chart of how many models are trained in a second, over how many are trained at once."""

from collections.abc import Sequence
from typing import Any

from bench.analysis.many import Growth, compute_rate, trains_one_by_one
from bench.analysis.summary import Row
from bench.report.charts.style import BARS, COLOURS, alt, make_log_axis, set_title, spread_labels
from bench.report.labels import label_case
from bench.report.parts import JOINED
from bench.report.render.numbers import format_duration, format_interval

_WIDTH, _HEIGHT = 420, 330  # pixels
_WAYS = {"together": COLOURS["idiomatic"], "one by one": COLOURS["tuned"]}


def chart_models(growths: Sequence[Growth], title: str) -> Any:
    """Draw epochs of single models in a second over the number of models, a line a program."""
    points = [_make_point(n, row) for one in growths for n, row in one.rows.items()]
    low = min(point["low"] for point in points) / 1.2
    high = max(point["high"] for point in points) * 1.2
    sizes = sorted({point["models"] for point in points})
    x = alt.X(
        "models:Q",
        scale=alt.Scale(type="log", nice=False, padding=8),
        axis=alt.Axis(values=sizes, format=",", grid=False),
        title="models at once (log scale)",
    )
    y = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": make_log_axis([low, high], format="~s"),
        "title": "models × epochs a second (log scale)",
    }
    scale = alt.Scale(domain=[*_WAYS], range=[*_WAYS.values()])
    colour = alt.Color("way:N", title=None, legend=alt.Legend(orient="top"), scale=scale)
    last = {point["name"]: point for point in points}  # of each program with most models
    places = spread_labels({n: one["rate"] for n, one in last.items()}, low, high, _HEIGHT)
    labels = [{**last[name], "rate": rate} for name, rate in places]
    lines, names = (
        alt.Chart(alt.Data(values=values)).encode(x=x, y=alt.Y("rate:Q", **y), color=colour)
        for values in (points, labels)
    )
    layers = [
        lines.mark_rule(strokeWidth=2, aria=True).encode(
            y=alt.Y("low:Q", **y), y2="high:Q", description="of:N"
        ),
        lines.mark_line(strokeWidth=1.5, aria=True).encode(detail="name:N", description="of:N"),
        lines.mark_point(size=40, filled=True, opacity=1, aria=True).encode(description="tip:N"),
        names.mark_text(align="left", dx=8, fontSize=11, aria=True).encode(
            text="name:N", description="of:N"
        ),
    ]
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)
    return set_title(chart, title, BARS, _WIDTH).configure_view(stroke=None)


def _make_point(models: int, row: Row) -> dict[str, Any]:
    """Return the point of a program with some models."""
    rate, name = compute_rate(row), label_case(row.case)
    tip = [name, f"{models:,} at once", f"{format_interval(rate)} models × epochs a second"]
    return {
        "name": name,
        "of": f"{name}{JOINED}",
        "way": "one by one" if trains_one_by_one(row.case) else "together",
        "models": models,
        "rate": rate.mean,
        "low": rate.low or rate.mean,
        "high": rate.high or rate.mean,
        "tip": JOINED.join([*tip, f"epoch {format_duration(row.epoch)}"]),
    }
