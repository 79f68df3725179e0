"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

from collections.abc import Sequence
from typing import Any

from bench.analysis.ranking import group_by_machine
from bench.analysis.summary import Row
from bench.report.render import html, text, vega
from bench.report.render.text import Contents
from bench.report.sections import comparison
from bench.report.sections.comparison import Column

COMPARED = "The frameworks compared"
# What the table can be cut down to.
CHOICES = ("objective", "style", "device", "workload")


def page(of: Contents) -> str:
    """Write the whole page."""
    workloads = [_workload(of, name) for name in comparison.workloads(of.run.rows)]
    titles = [
        COMPARED, *(each["title"] for each in workloads if each["charts"]),
        *(section.title for section in of.sections),
        text.FIGURES, text.FAULTS, text.MEASURED, text.NOISE, text.MACHINE,
    ]  # fmt: skip
    return html.page(
        "report.html.j2", scripts=scripts(), title=text.TITLE,
        of=of, prose=text, tables=comparison, titles=titles, workloads=workloads,
        compared=compared(of.run.rows), figures=comparison.figures(of.run.figures),
        faults=comparison.faults(of.run.rows), noise=comparison.noise(of.noise),
    )  # fmt: skip


def scripts() -> list[str]:
    """Return the programs of a page with charts and a table to sort.

    The table does not wait for the charts, of whose work Vega's beginning is a good part.
    """
    return [html.part("table.js"), vega.library(), html.part("charts.js")]


def _workload(of: Contents, name: str) -> dict[str, Any]:
    shown, asked = comparison.measured(of.run.rows, name), of.run.run.precision
    return {
        "name": name, "title": f"Workload {name}{text.optimizer(name)}",
        "found": text.found(of, shown) if shown else [],
        "charts": of.charts.get(name, ()),
        "precision": text.precision(shown, asked) if shown and asked is not None else "",
    }  # fmt: skip


def compared(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the rows of all workloads in one table, with what to sort and to choose them by.

    What is needed most comes first: the rest is to be found by moving the table.
    """
    first, *rest = sorted(comparison.columns_of(rows), key=lambda column: column.priority)
    last = [] if comparison.DEVICE in rest else [comparison.DEVICE]
    columns = [first, _of_case("workload"), *rest, *last]
    shown = [row for name in comparison.workloads(rows) for row in comparison.measured(rows, name)]
    chosen = [_choices(row) for row in shown]
    names = dict.fromkeys(name for each in chosen for name in each)
    there = group_by_machine(rows)
    return {
        "columns": columns,
        "choices": {name: sorted({each[name] for each in chosen}) for name in names},
        "lines": [
            {
                "choices": choices,
                "cells": [_cell(each, there[row.machine], row) for each in columns],
            }
            for row, choices in zip(shown, chosen, strict=True)
        ],
    }


def _of_case(name: str) -> Column:
    return Column(name, lambda _, row: str(getattr(row.case, name)), 1, numeric=False)


def _choices(row: Row) -> dict[str, str]:
    where = {"machine": row.machine} if row.machine else {}
    return where | {name: str(getattr(row.case, name)) for name in CHOICES}


def _cell(column: Column, rows: Sequence[Row], row: Row) -> dict[str, Any]:
    key = column.key(rows, row)
    return {"text": column.cell(rows, row), "key": key, "numeric": column.numeric}
