"""What a comparison found, in the format that was asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.regression import github as annotations
from bench.report.regression.github import Annotation
from bench.report.render import markdown
from bench.report.render.text import escape
from bench.report.sections import Table

FORMATS = ("table", "markdown", "json", "github")


@dataclass(frozen=True, slots=True)
class Shown:
    """A comparison ready to be shown.

    opening: what has to be known first. annotations: for GitHub. document: for programs.
    """

    tables: Sequence[Table]
    remarks: Sequence[str]
    annotations: Sequence[Annotation]
    document: Mapping[str, Any]
    opening: Sequence[str] = ()


def text(shown: Shown, style: str) -> str:
    """Return what is printed in a format, ``table`` excepted, which is the terminal's.

    github: the annotations, and the page, which goes into the job's summary too where there is one.
    """
    if style == "json":
        return json.dumps(shown.document, indent=2, ensure_ascii=False, allow_nan=False)
    page = as_markdown(shown)
    if style == "markdown":
        return page
    annotations.summarise(page)
    return "\n".join([*annotations.lines(shown.annotations), page])


def as_markdown(shown: Shown) -> str:
    """Lay out all that is for people."""
    parts = [f"**{escape(line)}**\n" for line in shown.opening]
    parts += [_table(table) for table in shown.tables if table.lines]
    parts += [f"- {escape(line)}" for line in shown.remarks]
    return "\n".join(parts).strip() + "\n"


def _table(table: Table) -> str:
    headings = [escape(heading) for heading in table.headings]
    laid_out = markdown.render_table(headings, table.lines, numeric=table.numeric)
    note = f"\n{escape(table.note)}\n" if table.note else ""
    return f"## {escape(table.title)}\n\n{laid_out}{note}"
