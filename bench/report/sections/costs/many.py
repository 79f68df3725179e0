"""Several models at once: how many each program trains, in which memory, and when that pays."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench.analysis.devices import Crossover
from bench.analysis.many import (
    Growth,
    compute_rate,
    find_fastest_processes,
    measure_growth,
    trains_one_by_one,
)
from bench.analysis.summary import Row
from bench.report.base import numbers, tables
from bench.report.base.labels import label_case, list_names, name_case
from bench.report.base.load import LoadedRun
from bench.report.base.parts import JOINED, Picture, Section, Table
from bench.report.charts.style import BARS, COLOURS, alt, make_log_axis, set_title, spread_labels
from bench.report.sections.costs.gpu import describe_crossover

TITLE = "Many models at once"
NO_MODELS = (
    "Not part of this run: `softmax-bench run --workload many` trains 1, 10 and 100 models at "
    "once, each at a learning rate of its own."
)
RATES_NOTE = (
    "How many epochs of single models a program trains in a second. Up to 1,000 models are judged "
    "after the first epoch, and five after each other one that is judged."
)
CROSSED_NOTE = (
    "Together faster from: the number of models from which on it is faster than {}, the fastest "
    "that trains them one by one, in one process a core; GPU faster from: than the same program on "
    "the CPU. In brackets, where the ends of the intervals cross. Uncertain: measured once."
)
PEAKS_NOTE = "Peak of the resident memory of all processes of a program, after the last epoch."
RATES, MEMORY = "Models × epochs a second", "Peak memory"
_WIDTH, _HEIGHT = 420, 330  # pixels of the chart
_WAYS = {"together": COLOURS["idiomatic"], "one by one": COLOURS["tuned"]}


def describe_many(run: LoadedRun) -> Section:
    """Return tables and a chart of the programs that train several models, or how to get them."""
    growths = measure_growth(run.rows)
    if not growths:
        return Section(TITLE, empty=NO_MODELS)
    title = "Epochs of single models in a second, over the number of models"
    pictures = [Picture("many-models", title, partial(chart_models, growths, title))]
    crossed = {
        "together faster from": [growth.over_processes for growth in growths],
        "GPU faster from": [growth.over_cpu for growth in growths],
    }
    words = [
        tables.list_words(name, map(describe_crossover, crossovers))
        for name, crossovers in crossed.items()
    ]
    words.append(tables.list_words("style", [growth.case.style for growth in growths]))
    alone = find_fastest_processes(growths)
    note = f"{RATES_NOTE} {CROSSED_NOTE.format(label_case(alone.case))}" if alone else RATES_NOTE
    rates = tabulate(RATES, growths, compute_rate, tables.list_numbers, *words, note=note)
    memory = tabulate(
        MEMORY, growths, lambda row: row.memory.peak_bytes, tables.list_memory, note=PEAKS_NOTE
    )
    return Section(TITLE, [rates, memory], pictures=pictures, finding=write_crossovers(growths))


def write_crossovers(growths: Sequence[Growth]) -> str:
    """Say from which number of models on together, and a GPU, is faster; if it was measured."""
    alone = find_fastest_processes(growths)
    name = label_case(alone.case) if alone else ""
    claims = {
        f"models train faster together than one by one in {name}": [
            (label_case(growth.case), growth.over_processes) for growth in growths
        ],
        "the GPU is faster than the CPU": [
            (growth.case.implementation, growth.over_cpu) for growth in growths
        ],
    }
    return " ".join(_write_claim(claim, pairs) for claim, pairs in claims.items()).strip()


def _write_claim(claim: str, pairs: Sequence[tuple[str, Crossover | None]]) -> str:
    """Say of which programs it is certain, and from which number of models on; if measured."""
    highs = [(crossover.size.high, name) for name, crossover in pairs if crossover]
    certain = sorted((high, name) for high, name in highs if high is not None and high < math.inf)
    texts = [
        f"{name} from {numbers.format_count(round(high))} models on" if high else f"{name} always"
        for high, name in certain
    ]
    if texts:
        return f"It is certain that {claim}: with {list_names(texts)}."
    return f"It is certain of no program that {claim}." if highs else ""


def tabulate(
    title: str,
    growths: Sequence[Growth],
    find: Callable[[Row], Any],
    make: Callable[..., tables.Column],
    *others: tables.Column,
    note: str,
) -> Table:
    """Return a line for each program, a column for each number of models, and other columns.

    find: returns the value of a row, of which ``make`` makes columns.
    """
    names = [label_case(growth.case) for growth in growths]
    columns = [tables.list_words("program", [name_case(growth.case) for growth in growths])]
    for models in sorted({models for growth in growths for models in growth.rows}):
        values = [
            find(growth.rows[models]) if models in growth.rows else None for growth in growths
        ]
        columns.append(make(f"{models:,}", values))
    title = f"{title} by the number of models"
    return tables.build_table(title, [*columns, *others], note, programs=names)


def chart_models(growths: Sequence[Growth], title: str) -> Any:
    """Draw epochs of single models in a second over the number of models, a line a program."""
    points = [_make_point(models, row) for growth in growths for models, row in growth.rows.items()]
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
    places = spread_labels(
        {name: point["rate"] for name, point in last.items()}, low, high, _HEIGHT
    )
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
    tip = [name, f"{models:,} at once", f"{numbers.format_interval(rate)} models × epochs a second"]
    return {
        "name": name,
        "of": f"{name}{JOINED}",
        "way": "one by one" if trains_one_by_one(row.case) else "together",
        "models": models,
        "rate": rate.mean,
        "low": rate.low or rate.mean,
        "high": rate.high or rate.mean,
        "tip": JOINED.join([*tip, f"epoch {numbers.format_duration(row.epoch)}"]),
    }
