"""The report as Markdown."""

import re
from collections.abc import Mapping, Sequence

from bench.report.base.numbers import keep_together
from bench.report.base.parts import Chart, Section, Table

# GitHub makes links of bare URLs (GitHub Flavored Markdown Spec, 6.9).
_BARE_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)


def escape(text: object) -> str:
    """Return a text as one line of Markdown without markup, links or cell separators."""
    line = " ".join(str(text).split()).replace("&", "&amp;")
    for character in "\\`*_{}[]<>|#~":
        line = line.replace(character, "\\" + character)
    line = _BARE_LINK.sub(r"\\\g<0>", line)
    return line.replace("\\<", "&lt;").replace("\\>", "&gt;")


def quote_code(text: str) -> str:
    """Return a text as a code span in one line, which nothing in the text can end."""
    line = " ".join(text.split())
    longest = max(map(len, re.findall("`+", line)), default=0)
    space = " " if longest else ""  # which belongs to the fence
    return f"{'`' * (longest + 1)}{space}{line}{space}{'`' * (longest + 1)}"


def render_table(table: Table) -> str:
    """Return the headings and cells of a table; its numeric columns are aligned right."""
    ruler = ["---:" if index in table.numeric else "---" for index in range(len(table.headings))]
    head, *lines = [
        [
            keep_together(escape(cell)) if index in table.numeric else escape(cell)
            for index, cell in enumerate(line)
        ]
        for line in (table.headings, *table.lines)
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ruler, *lines))


def render_report(
    title: str,
    opening: Sequence[str],
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
    page: str = "",
) -> str:
    """Return the whole report. opening: Markdown paragraphs. charts: by the picture's name.

    page: report.html, if there is one: the tables that it folds are left out here.
    """
    parts = [f"# {title}\n", *(f"{line}\n" for line in opening)]
    if page and any(section.folded for section in sections):
        parts.append(f"All other tables are in [{page}]({page}), one file that needs no network.\n")
    for section in sections:
        parts += render_section(section, charts, short=bool(page) and section.folded)
    return "\n".join(parts)


def render_section(
    section: Section, charts: Mapping[str, Chart], *, short: bool = False
) -> list[str]:
    """Return the parts of a section: subtitle, text, tables with notes, charts, remarks.

    A section without contents is one line. short: without tables.
    """
    if not section.has_data:
        return [f"**{escape(section.title)}** {section.empty}\n"]
    parts = [f"## {escape(section.heading)}\n"]
    if section.finding:
        parts.append(f"*{escape(section.title)}*\n")
    if section.text:
        parts.append(f"{section.text.rstrip()}\n")
    for table in () if short else section.tables:
        title = f"### {escape(table.title)}\n" if table.title else ""
        note = f"{table.note}\n" if table.note else ""
        parts += filter(None, (title, render_table(table), note))
    drawn = [charts[picture.name] for picture in section.pictures if picture.name in charts]
    parts += [f"![{escape(chart.title)}]({chart.file})\n" for chart in drawn]
    if section.remarks:
        parts.append("".join(f"- {escape(remark)}\n" for remark in section.remarks))
    if section.empty and not (section.tables or section.text):
        parts.append(f"{section.empty}\n")
    return parts
