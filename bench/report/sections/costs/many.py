"""Several models at once: how many each program trains, in which memory, and when that pays."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bench.analysis.devices import Crossover
from bench.analysis.many import Growth, compute_rate, find_fastest_processes, measure_growth
from bench.analysis.summary import Row
from bench.report import tables
from bench.report.charts.many import chart_models
from bench.report.labels import label_case, list_names
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section, Table
from bench.report.sections.costs.gpu import describe_crossover
from bench.report.sections.verdict import MARKS

TITLE = "Many models at once"
NO_MODELS = (
    "Not part of this run: `bench run --workload many` trains 1, 10 and 100 models at once, each "
    "at a learning rate of its own."
)
RATES_NOTE = (
    "How many epochs of single models a program trains in a second. Together faster from: the "
    "number of models from which on it is faster than {}, the fastest that trains them one by one, "
    "in one process a core; in brackets, where the ends of the intervals cross. Uncertain: some "
    "were measured once. GPU faster from: than the same program on the CPU."
)
MEMORY_NOTE = "Peak of the resident memory of all processes of a program, after the last epoch."
MAX_NAMES = 3


def describe_many(run: LoadedRun) -> Section:
    """Return tables and a chart of the programs that train several models, or how to get them."""
    growths = measure_growth(run.rows)
    if not growths:
        return Section(TITLE, empty=NO_MODELS)
    title = "Epochs of single models in a second, over the number of models"
    pictures = [Picture("many-models", title, partial(chart_models, growths, title))]
    table_list = [tabulate_rates(growths), tabulate_memory(growths)]
    finding = write_crossovers(growths)
    return Section(TITLE, table_list, pictures=pictures, finding=finding)


def list_sizes(growths: Sequence[Growth]) -> list[int]:
    """Return the numbers of models that were measured."""
    return sorted({models for growth in growths for models in growth.rows})


def write_crossovers(growths: Sequence[Growth]) -> str:
    """Say from which number of models on together is faster than one by one, and a GPU than a CPU.

    Nothing of what was not measured.
    """
    alone = find_fastest_processes(growths)
    name = label_case(alone.case) if alone else ""
    claims = {
        f"Training models together is faster than one by one, as {name} does: ": [
            one.over_processes for one in growths
        ],
        "The GPU is faster than the CPU: ": [one.over_cpu for one in growths],
    }
    known = {claim: [*filter(None, crossovers)] for claim, crossovers in claims.items()}
    return " ".join(f"{claim}{_list_crossed(group)}." for claim, group in known.items() if group)


def _list_crossed(crossovers: Iterable[Crossover]) -> str:
    """Name the programs that become faster, and from which number on."""
    texts = [
        f"{one.name} from {describe_crossover(one)} on"
        if one.size.mean
        else f"{one.name} at every number{MARKS[one.size.high == 0]}"
        for one in sorted(crossovers, key=lambda one: one.size.mean)
        if one.size.mean < math.inf
    ]
    return list_names(texts, MAX_NAMES) if texts else "in no program"


def tabulate_rates(growths: Sequence[Growth]) -> Table:
    """Return the epochs of single models in a second, and from which number on together pays."""
    alone = find_fastest_processes(growths)
    columns = _list_columns(growths, compute_rate, tables.list_numbers)
    crossed = {
        "together faster from": [one.over_processes for one in growths],
        "GPU faster from": [one.over_cpu for one in growths],
    }
    for heading, crossovers in crossed.items():
        columns.append(tables.list_words(heading, map(describe_crossover, crossovers)))
    columns.append(tables.list_words("style", [one.case.style for one in growths]))
    note = RATES_NOTE.format(label_case(alone.case) if alone else "those")
    return _build("Models × epochs a second by the number of models", columns, note, growths)


def tabulate_memory(growths: Sequence[Growth]) -> Table:
    """Return the peak memory by the number of models."""
    columns = _list_columns(growths, lambda row: row.memory.peak_bytes, tables.list_memory)
    return _build("Peak memory by the number of models", columns, MEMORY_NOTE, growths)


def _list_columns(
    growths: Sequence[Growth],
    find: Callable[[Row], Any],
    make: Callable[..., tables.Column],
) -> list[tables.Column]:
    """Return a column for each number of models. find: returns the value of a row."""
    return [
        make(
            f"{models:,}",
            [find(one.rows[models]) if models in one.rows else None for one in growths],
        )
        for models in list_sizes(growths)
    ]


def _build(title: str, columns: list[tables.Column], note: str, growths: Sequence[Growth]) -> Table:
    names = [label_case(one.case) for one in growths]
    columns = [tables.list_words("program", names), *columns]
    return tables.build_table(title, columns, note, programs=names)
