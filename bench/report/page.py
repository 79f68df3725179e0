"""The report as a page: one file that works from a mail attachment; needs the extra ``report``."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.base.labels import EPOCHS
from bench.report.base.parts import Chart, Relative, Section
from bench.report.opening import Opening, Standing
from bench.report.render import html

# By what a page orders programs that train some epochs.
KINDS = {
    "": "a cold start and some epochs",
    "warm": "a warm start and some epochs",
    "each": "some epochs of one of many models",
}
SCRIPTS = ("address.js", "table.js", "relative.js", "filter.js", "epochs.js", "charts.js")


def render_report(
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
    softmax = [name for name, one in features.items() if one.get("objective") == "softmax"]
    bases = [*relative.cells] if relative else softmax
    return html.render_page(
        "report.html.j2",
        scripts=[html.read_part(name) for name in SCRIPTS],
        title=title,
        tab=" · ".join([*opening.facts[:2], title]) if opening else title,
        summary=" ".join([opening.agreement, *opening.answers]).strip() if opening else "",
        paragraphs=paragraphs,
        opening=opening,
        first=next((one for one in standings if one.key == str(EPOCHS)), None),
        standings={one.key: list_values(one) for one in standings},
        quantities=list_quantities(standings),
        counts=[one.key for one in standings if one.key.isdecimal()],
        table=f"data:text/csv;base64,{base64.b64encode(summary_csv).decode()}",
        sections=sections,
        contents=list_contents(sections),
        charts=charts,
        programs=features,
        choices=list_choices(features),
        bases=bases if len(bases) > 1 else [],
        relative=relative,
    )


def list_quantities(standings: Sequence[Standing]) -> dict[str, str]:
    """Return what a reader can order programs by: words by the end of keys, or by the key."""
    ends = {one.key.split()[-1] for one in standings}
    kinds = {key: words for key, words in KINDS.items() if not key or key in ends}
    others = [one for one in standings if not one.key[0].isdecimal()]
    return kinds | {one.key: f"{one.caption[0].lower()}{one.caption[1:]}" for one in others}


def list_values(standing: Standing) -> list[Any]:
    """Return what epochs.js shows of a standing; it writes the times of trainings itself."""
    trains = standing.key[0].isdecimal()
    lines = [
        [name, "" if trains else text, html.write_key(key)] for name, text, _, key in standing.lines
    ]
    return [standing.heading, lines, standing.leaders, standing.caption]


def list_choices(features: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the values of each feature that has several, sorted."""
    values: dict[str, set[str]] = {}
    for known in features.values():
        for feature, value in known.items():
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
