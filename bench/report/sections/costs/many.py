"""Several models at once: how many each program trains, in which memory, and when that pays."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench.analysis.devices import Crossover
from bench.analysis.many import Growth, compute_rate, find_fastest_processes, measure_growth
from bench.analysis.summary import Row
from bench.report import tables
from bench.report.charts.many import chart_models
from bench.report.labels import label_case, list_names, name_case
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section, Table
from bench.report.render import numbers
from bench.report.sections.costs.gpu import describe_crossover
from bench.report.tables import Column

TITLE = "Many models at once"
NO_MODELS = (
    "Not part of this run: `bench run --workload many` trains 1, 10 and 100 models at once, each "
    "at a learning rate of its own."
)
RATES_NOTE = "How many epochs of single models a program trains in a second."
CROSSED_NOTE = (
    "Together faster from: the number of models from which on it is faster than {}, the fastest "
    "that trains them one by one, in one process a core; GPU faster from: than the same program on "
    "the CPU. In brackets, where the ends of the intervals cross. Uncertain: measured once."
)
MEMORY_NOTE = "Peak of the resident memory of all processes of a program, after the last epoch."
RATES, MEMORY = "Models × epochs a second", "Peak memory"
MAX_NAMES = 3


def describe_many(run: LoadedRun) -> Section:
    """Return tables and a chart of the programs that train several models, or how to get them."""
    growths = measure_growth(run.rows)
    if not growths:
        return Section(TITLE, empty=NO_MODELS)
    title = "Epochs of single models in a second, over the number of models"
    pictures = [Picture("many-models", title, partial(chart_models, growths, title))]
    crossed = {
        "together faster from": [one.over_processes for one in growths],
        "GPU faster from": [one.over_cpu for one in growths],
    }
    words = [
        tables.list_words(name, map(describe_crossover, ones)) for name, ones in crossed.items()
    ]
    words.append(tables.list_words("style", [one.case.style for one in growths]))
    alone = find_fastest_processes(growths)
    note = f"{RATES_NOTE} {CROSSED_NOTE.format(label_case(alone.case))}" if alone else RATES_NOTE
    rates = tabulate(RATES, growths, compute_rate, tables.list_numbers, *words, note=note)
    memory = tabulate(
        MEMORY, growths, lambda row: row.memory.peak_bytes, tables.list_memory, note=MEMORY_NOTE
    )
    return Section(TITLE, [rates, memory], pictures=pictures, finding=write_crossovers(growths))


def write_crossovers(growths: Sequence[Growth]) -> str:
    """Say from which number of models on together, and a GPU, is faster; if it was measured."""
    alone = find_fastest_processes(growths)
    name = label_case(alone.case) if alone else ""
    claims = {
        f"models train faster together than one by one in {name}": [
            (label_case(one.case), one.over_processes) for one in growths
        ],
        "the GPU is faster than the CPU": [
            (one.case.implementation, one.over_cpu) for one in growths
        ],
    }
    return " ".join(_write_claim(claim, pairs) for claim, pairs in claims.items()).strip()


def _write_claim(claim: str, pairs: Sequence[tuple[str, Crossover | None]]) -> str:
    """Say of which programs it is certain, and from which number of models on; if measured."""
    known = [(one.size.high, name) for name, one in pairs if one]
    certain = sorted((high, name) for high, name in known if high is not None and high < math.inf)
    texts = [
        f"{name} from {numbers.format_count(round(high))} models on" if high else f"{name} always"
        for high, name in certain
    ]
    if texts:
        return f"It is certain that {claim}: with {list_names(texts, MAX_NAMES)}."
    return f"It is certain of no program that {claim}." if known else ""


def tabulate(
    title: str,
    growths: Sequence[Growth],
    find: Callable[[Row], Any],
    make: Callable[..., Column],
    *others: Column,
    note: str,
) -> Table:
    """Return a line for each program, a column for each number of models, and other columns.

    find: returns the value of a row, of which ``make`` makes columns.
    """
    names = [label_case(one.case) for one in growths]
    columns = [tables.list_words("program", [name_case(one.case) for one in growths])]
    for models in sorted({models for growth in growths for models in growth.rows}):
        values = [find(one.rows[models]) if models in one.rows else None for one in growths]
        columns.append(make(f"{models:,}", values))
    title = f"{title} by the number of models"
    return tables.build_table(title, [*columns, *others], note, programs=names)
