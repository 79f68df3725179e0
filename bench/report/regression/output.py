"""Print a comparison as Markdown, JSON or GitHub annotations.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; the escapes are those of the runner's
toolkit, ``packages/core/src/command.ts``. GitHub shows ten annotations of a level for each step,
so the whole table also goes into the job summary.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.errors import report_write_errors
from bench.report.base.parts import Table
from bench.report.render.markdown import escape, quote_code, render_table

SUMMARY = "GITHUB_STEP_SUMMARY"

Level = Literal["error", "warning", "notice"]


class Annotation(NamedTuple):
    """A line that GitHub shows beside a change; title and message are any text."""

    level: Level
    title: str
    message: str


class Heading(NamedTuple):
    """The finding, which heads a page: a name, and plain text before and after it."""

    before: str
    name: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonOutput:
    """A comparison in all formats."""

    heading: Heading  # of a Markdown page
    setting: str  # the line below the heading: what was compared, and where
    tables: Sequence[Table]  # each with a line or more
    remarks: Sequence[str]  # lines after the tables
    annotations: Sequence[Annotation]
    document: Mapping[str, Any]  # of the JSON format
    opening: Sequence[str] = ()  # lines before the tables
    rule: str = ""  # by which verdicts are reached


def format_output(output: ComparisonOutput, style: str) -> str:
    """Return the text of a format, except ``table``, which only a terminal can lay out.

    github: annotations and the Markdown page, which is also appended to the job summary.
    """
    if style == "json":
        return json.dumps(output.document, indent=2, ensure_ascii=False, allow_nan=False)
    before, name, after = output.heading
    words = escape(before), quote_code(name) if name else "", escape(after)
    parts = [f"## {' '.join(filter(None, words))}\n", f"{escape(output.setting)}\n"]
    parts += [f"**{escape(line)}**\n" for line in output.opening]
    if output.tables:
        parts.append("<details><summary>Tables and rule</summary>\n")
    for table in output.tables:
        note = f"\n{escape(table.note)}\n" if table.note else ""
        parts.append(f"## {escape(table.title)}\n\n{render_table(table)}{note}")
    if output.tables:
        parts += [f"{escape(output.rule)}\n"] if output.rule else []
        parts.append("</details>\n")
    parts += [f"- {escape(line)}" for line in output.remarks]
    page = "\n".join(parts).strip() + "\n"
    if style == "markdown":
        return page
    if path := os.environ.get(SUMMARY):
        usual = f"Unset {SUMMARY}, or choose another --format"
        with report_write_errors(path, usual), Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{page.rstrip()}\n\n")
    lines = []
    for level, title, message in output.annotations:
        heading = _escape_data(title).replace(":", "%3A").replace(",", "%2C")
        lines.append(f"::{level} title={heading}::{_escape_data(message)}")
    return "\n".join([*lines, page])


def _escape_data(text: str) -> str:
    # The percent sign first, or it would be escaped twice.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
