"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.analysis.ranking import group_by_machine
from bench.analysis.summary import Row
from bench.report.charts.chart import Chart
from bench.report.render import html, vega
from bench.report.sections import Section
from bench.report.sections.comparison import (
    DEVICE,
    Column,
    list_workloads,
    select_columns,
    select_ranked,
)

COMPARED = "The frameworks compared"
# Fields of a case by which the reader can filter the table.
FILTERS = ("objective", "style", "device", "workload")
WORKLOAD = Column("workload", lambda _, row: row.case.workload, 1, numeric=False)


def render_report(
    title: str,
    opening: Sequence[str],
    rows: Sequence[Row],
    *,
    workloads: Sequence[Section],
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
) -> str:
    """Return the whole page. opening: Markdown paragraphs. charts: by the picture's name.

    The rows of the workloads come first, in one table, which can be sorted.
    """
    # Their rows are in the table that can be sorted.
    rest = [replace(section, tables=()) for section in workloads]
    return html.render_page(
        "report.html.j2",
        # The table's script comes first: it need not wait for Vega to start.
        scripts=[html.read_part("table.js"), vega.load_library(), html.read_part("charts.js")],
        title=title,
        opening=opening,
        comparison=build_comparison(rows),
        comparison_title=COMPARED,
        sections=[*rest, *sections],
        contents=list_contents([*rest, *sections]),
        charts=charts,
    )


def list_contents(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """Return the text and the anchor of each link: one a group, and one a section without a group.

    A group's link leads to its first section.
    """
    links: dict[str, str] = {}
    for section in sections:
        links.setdefault(section.group or section.title, html.make_anchor(section.title))
    return list(links.items())


def build_comparison(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the ranked rows of all workloads in one table, with their sort keys and filters.

    The most important columns come first; the reader scrolls to the others.
    """
    first, *rest = sorted(select_columns(rows), key=lambda column: column.priority)
    device = [] if DEVICE in rest else [DEVICE]
    columns = [first, WORKLOAD, *rest, *device]
    by_machine = group_by_machine(rows)
    lines = []
    choices: dict[str, set[str]] = defaultdict(set)
    for row in [row for name in list_workloads(rows) for row in select_ranked(rows, name)]:
        values = {"machine": row.machine} if row.machine else {}
        values |= {name: str(getattr(row.case, name)) for name in FILTERS}
        for name, value in values.items():
            choices[name].add(value)
        same = by_machine[row.machine]
        cells = [(column.cell(same, row), column.key(same, row)) for column in columns]
        lines.append({"filters": values, "cells": cells})
    filters = {name: sorted(values) for name, values in choices.items()}
    return {"columns": columns, "filters": filters, "lines": lines}
