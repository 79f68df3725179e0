"""Write a report: report.md, report.html, summary.csv and the charts."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError, report_write_errors
from bench.records.files import sync_folders, write_file
from bench.records.layout import PLANS
from bench.report import page
from bench.report.base.labels import list_features
from bench.report.base.load import LoadedRun
from bench.report.charts.chart import draw_chart, name_file
from bench.report.opening import TITLE, make_opening
from bench.report.order import describe_notes, list_sections
from bench.report.render import csv, markdown
from bench.report.sections.setting.machines import list_relative

# Packages of the extra `report`.
EXTRA = ("altair", "vl_convert", "jinja2", "markdown_it")


def write_report(
    runs: Sequence[LoadedRun],
    output: Path | None = None,
) -> Path:
    """Write the report of one or several runs; return report.md.

    output: by default the folder of the run. Charts and report.html need the extra ``report``.

    Raises UserError if the folder cannot be written or holds another run.
    """
    folder = runs[0].folder if output is None else output
    if output is not None and any((output / plan).exists() for plan in PLANS):
        raise UserError(f"{output} holds measurements. Choose another --output")
    rows = [row for run in runs for row in run.rows]
    sections = list_sections(runs, folder)
    notes = describe_notes(runs)
    opening = make_opening(runs[0]) if len(runs) == 1 else None
    title, paragraphs, charts = TITLE, notes, {}
    if opening:
        title = opening.title
        lines = [opening.agreement, *opening.answers, *opening.remarks]
        warning = [f"**{markdown.escape(opening.warning)}**"] if opening.warning else []
        facts = markdown.escape(" · ".join(opening.facts))
        paragraphs = [facts, *notes, *warning, *map(markdown.escape, lines)]
    if can_draw():
        pictures = [picture for section in sections for picture in section.pictures]
        if opening and opening.picture:
            pictures.append(opening.picture)
            file = name_file(opening.picture.name)
            paragraphs.append(f"![{markdown.escape(opening.picture.title)}]({file})")
        charts = {picture.name: draw_chart(picture) for picture in pictures}
    table = csv.render_csv(rows)
    with report_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sync_folders(*folder.resolve().parents)
        for chart in charts.values():
            write_file(folder / chart.file, f"{chart.svg}\n".encode())
        html = "report.html" if can_draw() else ""
        text = markdown.render_report(title, paragraphs, sections, charts, html)
        write_file(folder / "report.md", text.encode())
        if can_draw():
            text = page.render_report(
                title,
                notes,
                opening=opening,
                sections=sections,
                charts=charts,
                features=list_features(rows),
                relative=list_relative(runs) if len(runs) > 1 else None,
                summary_csv=table,
            )
            write_file(folder / "report.html", text.encode())
        else:
            # An older page would show other numbers.
            (folder / "report.html").unlink(missing_ok=True)
        write_file(folder / "summary.csv", table)
    return folder / "report.md"


def can_draw() -> bool:
    """Return whether the extra ``report`` is installed."""
    return all(importlib.util.find_spec(name) for name in EXTRA)
