"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

import base64
from collections.abc import Mapping, Sequence

from bench.report.charts.chart import Chart
from bench.report.opening import Opening
from bench.report.render import html
from bench.report.sections import Section
from bench.report.sections.comparison import EPOCHS


def render_report(
    title: str,
    paragraphs: Sequence[str],
    *,
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
    opening: Opening | None = None,
    summary_csv: bytes = b"",
) -> str:
    """Return the whole page. paragraphs: Markdown before the sections.

    charts: by the picture's name. opening: of the page of one run. summary_csv: to download.
    """
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
