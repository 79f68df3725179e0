"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts.chart import Chart
from bench.report.render import html, vega
from bench.report.sections import Section
from bench.report.sections.comparison import (
    list_workloads,
    select_ranked,
    tabulate_comparison,
)

COMPARED = "The frameworks compared"


def render_report(
    title: str,
    opening: Sequence[str],
    rows: Sequence[Row],
    *,
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
) -> str:
    """Return the whole page. opening: Markdown paragraphs. charts: by the picture's name.

    The rows of the workloads come first, in one table, which can be sorted.
    """
    # Tables with filters are those of the workloads: their rows are in one that can be sorted.
    sections = [
        replace(section, tables=[table for table in section.tables if not table.filters])
        for section in sections
    ]
    return html.render_page(
        "report.html.j2",
        # The table's script comes first: it need not wait for Vega to start.
        scripts=[html.read_part("table.js"), vega.load_library(), html.read_part("charts.js")],
        title=title,
        opening=opening,
        comparison=build_comparison(rows),
        comparison_title=COMPARED,
        sections=sections,
        contents=list_contents(sections),
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
    """Return the ranked rows of all workloads in one table, with their sort keys and filters."""
    ranked = [row for name in list_workloads(rows) for row in select_ranked(rows, name)]
    table = tabulate_comparison(rows, ranked)
    choices: dict[str, set[str]] = defaultdict(set)
    filters = [
        {**chosen, "workload": row.case.workload}
        for chosen, row in zip(table.filters, ranked, strict=True)
    ]
    for name, value in (pair for chosen in filters for pair in chosen.items()):
        choices[name].add(value)
    lines = [
        {"filters": chosen, "cells": list(zip(cells, keys, strict=True))}
        for chosen, cells, keys in zip(filters, table.lines, table.keys, strict=True)
    ]
    columns = [
        {"heading": heading, "numeric": number in table.numeric}
        for number, heading in enumerate(table.headings)
    ]
    return {
        "columns": columns,
        "filters": {name: sorted(values) for name, values in choices.items()},
        "lines": lines,
    }
