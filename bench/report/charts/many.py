"""The chart of how many models are trained in a second, over how many are trained at once."""

from collections.abc import Sequence
from typing import Any

from bench.analysis.many import Growth, compute_rate, trains_one_by_one
from bench.analysis.summary import Row
from bench.report.charts.style import COLOURS, alt, make_log_axis, set_title, spread_labels
from bench.report.labels import label_case, start_tip
from bench.report.parts import JOINED
from bench.report.render.numbers import format_count, format_duration, format_number

_WIDTH, _HEIGHT = 420, 330  # pixels
# One by one, or together; dashes repeat the colours.
_WAYS = {"together": (COLOURS["idiomatic"], [1, 0]), "one by one": (COLOURS["tuned"], [6, 3])}


def _make_rates(row: Row) -> dict[str, float]:
    """Return the rate of a row and the ends of its interval."""
    rate = compute_rate(row)
    return {"rate": rate.mean, "low": rate.low or rate.mean, "high": rate.high or rate.mean}


def chart_models(growths: Sequence[Growth], title: str) -> Any:
    """Draw epochs of single models in a second over the number of models, a line a program."""
    points: list[dict[str, Any]] = [
        {
            "name": label_case(growth.case),
            "way": "one by one" if trains_one_by_one(growth.case) else "together",
            "models": models,
            "of": f"{label_case(growth.case)}{JOINED}",
            **_make_rates(row),
            "tip": JOINED.join(
                [
                    *start_tip(row.case),
                    f"{format_count(models)} models",
                    f"epoch {format_duration(row.epoch)}",
                    f"{format_number(compute_rate(row).mean)} models × epochs a second",
                ]
            ),
        }
        for growth in growths
        for models, row in growth.rows.items()
    ]
    sizes = sorted({point["models"] for point in points})
    low = min(point["low"] for point in points) / 1.2
    high = max(point["high"] for point in points) * 1.2
    x = alt.X(
        "models:Q",
        scale=alt.Scale(type="log", nice=False, padding=8),
        axis=alt.Axis(values=sizes, format=",", grid=False),
        title="models at once (log scale)",
    )
    scale = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": make_log_axis([low, high], format="~s"),
        "title": "models × epochs a second (log scale)",
    }
    colour, dash = (
        channel("way:N", title=None, legend=legend, scale=alt.Scale(domain=[*_WAYS], range=values))
        for channel, legend, values in (
            (alt.Color, alt.Legend(orient="top"), [colour for colour, _ in _WAYS.values()]),
            (alt.StrokeDash, alt.Legend(orient="top"), [dash for _, dash in _WAYS.values()]),
        )
    )
    lines = alt.Chart(alt.Data(values=points)).encode(
        x=x, y=alt.Y("rate:Q", **scale), color=colour, detail="name:N"
    )
    last = {point["name"]: point for point in points}  # of each program with most models
    places = spread_labels({n: one["rate"] for n, one in last.items()}, low, high, _HEIGHT)
    labels = [{**last[name], "rate": rate} for name, rate in places]
    layers = [
        lines.mark_rule(strokeWidth=2, aria=True).encode(
            y=alt.Y("low:Q", **scale), y2="high:Q", description="of:N"
        ),
        lines.mark_line(strokeWidth=1.5, aria=True).encode(strokeDash=dash, description="of:N"),
        lines.mark_point(size=40, filled=True, opacity=1, aria=True).encode(description="tip:N"),
        alt.Chart(alt.Data(values=labels))
        .mark_text(align="left", dx=8, fontSize=11, aria=True)
        .encode(x=x, y=alt.Y("rate:Q", **scale), text="name:N", color=colour, description="of:N"),
    ]
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)
    case = growths[0].case
    subtitle = f"batch size {case.batch_size}, {case.samples:,} samples; bars: 95 % intervals"
    return set_title(chart, title, subtitle, _WIDTH).configure_view(stroke=None)
