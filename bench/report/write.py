"""Write a report: report.md, report.html, summary.csv and the charts.

report.html is one file that works from a mail attachment. It needs the extra ``report``.
"""

import base64
import importlib.util
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UserError, report_write_errors, suggest_install
from bench.records.files import sync_folders, write_file
from bench.records.layout import PLANS
from bench.report.base.labels import EPOCHS, list_features
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Chart, Relative, Section
from bench.report.charts.chart import draw_chart, name_file
from bench.report.opening import PAGE_TITLE, Opening, Standing, make_opening
from bench.report.order import describe_notes, list_sections
from bench.report.render import csv, html, markdown
from bench.report.sections.setting.machines import list_relative

# Packages of the extra `report`.
EXTRA = ("altair", "vl_convert", "jinja2", "markdown_it")
DRAWING_BYTES = 4 * 2**30  # of addresses; with 3 GiB the process ends
# By what a page orders programs that train some epochs.
KINDS = {
    "": "a cold start and some epochs",
    "warm": "a warm start and some epochs",
    "each": "some epochs of one of many models",
}
SCRIPTS = ("address.js", "table.js", "relative.js", "filter.js", "epochs.js", "charts.js")


def write_report(
    runs: Sequence[LoadedRun],
    output: Path | None = None,
    *,
    draw: bool = True,
) -> Path:
    """Write the report of one or several runs; return report.md.

    output: by default the folder of the run. draw: charts and report.html, where that is possible.

    Raises UserError if the folder cannot be written or holds another run.
    """
    folder = runs[0].folder if output is None else output
    if output is not None and any((output / plan).exists() for plan in PLANS):
        raise UserError(f"{output} holds measurements. Choose another --output")
    rows = [row for run in runs for row in run.rows]
    sections = list_sections(runs, folder)
    notes = describe_notes(runs)
    opening = make_opening(runs[0]) if len(runs) == 1 else None
    title, paragraphs, charts = PAGE_TITLE, notes, {}
    draw = draw and can_draw()
    if opening:
        title = opening.title
        warning = [f"**{markdown.escape(opening.warning)}**"] if opening.warning else []
        order, picture = (
            [f"![{markdown.escape(one.title)}]({name_file(one.name)})"] if one and draw else []
            for one in (opening.order, opening.picture)
        )
        facts, details = (
            markdown.escape(" · ".join(own)) for own in (opening.facts, opening.details)
        )
        answers, remarks = (map(markdown.escape, own) for own in (opening.answers, opening.remarks))
        paragraphs = [facts, *warning, *answers, *order, *remarks, *notes, details, *picture]
    if draw:
        pictures = [picture for section in sections for picture in section.pictures]
        pictures += filter(None, [opening.order, opening.picture] if opening else [])
        charts = {picture.name: draw_chart(picture) for picture in pictures}
    table = csv.render_csv(rows)
    with report_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sync_folders(*folder.resolve().parents)
        for chart in charts.values():
            write_file(folder / chart.file, f"{chart.svg}\n".encode())
        name = "report.html" if draw else ""
        text = markdown.render_report(title, paragraphs, sections, charts, name)
        text += f"\n{markdown.escape(opening.missing)}\n" if opening and opening.missing else ""
        write_file(folder / "report.md", text.encode())
        if draw:
            text = render_html(
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
    """Return whether charts and report.html can be made here."""
    return not find_obstacle()


def find_obstacle() -> str:
    """Return what charts and report.html need and this process lacks, or an empty text.

    Without room V8, which draws them, would end the process, and Altair reads its docstrings.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < DRAWING_BYTES:
        return f"{DRAWING_BYTES // 2**30} GiB of memory. Raise the limit (ulimit -v)"
    if sys.flags.optimize > 1:
        return "docstrings. Run Python without PYTHONOPTIMIZE=2 or -OO"
    return "" if all(map(importlib.util.find_spec, EXTRA)) else suggest_install("report")


def render_html(
    title: str,
    paragraphs: Sequence[str],
    *,
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
    opening: Opening | None = None,
    features: Mapping[str, Mapping[str, str]] | None = None,
    relative: Relative | None = None,
    summary_csv: bytes = b"",
) -> str:
    """Return the whole page. paragraphs: Markdown before the sections.

    charts: by the picture's name. opening: of the page of one run. features: by what a reader
    can choose programs (list_features). relative: what a reader can see relative to a
    program, in place of the columns that begin with ×. summary_csv: to download.
    """
    standings = opening.standings if opening else ()
    features = features or {}
    softmax = [name for name, of in features.items() if of.get("objective") == "softmax"]
    bases = [*relative.cells] if relative else softmax
    return html.render_page(
        "report.html.j2",
        scripts=[html.read_part(name) for name in SCRIPTS],
        title=title,
        tab=" · ".join([*opening.facts[:2], title]) if opening else title,
        summary=" ".join(opening.answers) if opening else "",
        paragraphs=paragraphs,
        opening=opening,
        first=next((standing for standing in standings if standing.key == str(EPOCHS)), None),
        standings={standing.key: list_values(standing) for standing in standings},
        quantities=list_orders(standings),
        counts=[standing.key for standing in standings if standing.key.isdecimal()],
        table=f"data:text/csv;base64,{base64.b64encode(summary_csv).decode()}",
        sections=sections,
        contents=list_contents(sections),
        charts=charts,
        programs=features,
        choices=list_choices(features),
        bases=bases if len(bases) > 1 else [],
        relative=relative,
    )


def list_orders(standings: Sequence[Standing]) -> dict[str, str]:
    """Return what a reader can order programs by: words by the end of keys, or by the key."""
    ends = {standing.key.split()[-1] for standing in standings}
    kinds = {key: words for key, words in KINDS.items() if not key or key in ends}
    return kinds | {
        standing.key: f"{standing.caption[0].lower()}{standing.caption[1:]}"
        for standing in standings
        if not standing.key[0].isdecimal()
    }


def list_values(standing: Standing) -> list[Any]:
    """Return what epochs.js shows of a standing; it writes the times of trainings itself."""
    trains = standing.key[0].isdecimal()
    lines = [
        [name, "" if trains else text, html.write_key(key)] for name, text, _, key in standing.lines
    ]
    return [standing.heading, lines, standing.leaders, standing.sentence]


def list_choices(features: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the values of each feature that has several, sorted."""
    values: dict[str, set[str]] = {}
    for of_program in features.values():
        for feature, value in of_program.items():
            values.setdefault(feature, set()).add(value)
    return {feature: sorted(several) for feature, several in values.items() if len(several) > 1}


def list_contents(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """Return the text and the anchor of each link: one a group, and one a section without a group.

    A group's link leads to its first section.
    """
    links: dict[str, str] = {}
    for section in sections:
        links.setdefault(section.group or section.title, html.make_anchor(section.title))
    return list(links.items())
