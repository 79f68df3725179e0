"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.analysis.summary import Row
from bench.report.charts.chart import Chart
from bench.report.opening import Opening
from bench.report.render import html
from bench.report.sections import Section
from bench.report.sections.comparison import (
    EPOCHS,
    list_workloads,
    select_ranked,
    tabulate_comparison,
)

COMPARED = "The frameworks compared"


def render_report(
    title: str,
    paragraphs: Sequence[str],
    rows: Sequence[Row],
    *,
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
    opening: Opening | None = None,
    summary_csv: bytes = b"",
) -> str:
    """Return the whole page. paragraphs: Markdown before the sections.

    charts: by the picture's name. opening: of the page of one run. summary_csv: to download.
    The rows of the workloads come first, in one table, which can be sorted.
    """
    # Tables with filters are those of the workloads: their rows are in one that can be sorted.
    sections = [
        replace(section, tables=[table for table in section.tables if not table.filters])
        for section in sections
    ]
    return html.render_page(
        "report.html.j2",
        scripts=[html.read_part(name) for name in ("table.js", "epochs.js", "charts.js")],
        title=title,
        tab=" · ".join([*opening.facts[:2], title]) if opening else title,
        summary=" ".join(verdict.text for verdict in opening.verdicts) if opening else "",
        paragraphs=paragraphs,
        opening=opening,
        shown_epochs=EPOCHS,
        standings={one.epochs: [one.unit, one.lines, one.leaders] for one in opening.standings}
        if opening
        else {},
        table=f"data:text/csv;base64,{base64.b64encode(summary_csv).decode()}",
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
