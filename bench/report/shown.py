"""What a comparison found, in the format that was asked for."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.error import UserError
from bench.report import markdown
from bench.report.tables import Table

FORMATS = ("table", "markdown", "json", "github")
SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line that GitHub shows beside a change."""

    level: Literal["error", "warning", "notice"]
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Tables and remarks for people; notices for GitHub; a document for programs."""

    tables: Sequence[Table]
    remarks: Sequence[str]
    notices: Sequence[Notice]
    document: Mapping[str, Any]


def text(shown: Shown, style: str) -> str:
    """Return what is printed in a format, ``table`` excepted, which is the terminal's.

    github: the notices as workflow commands; the tables go into the job's summary, where there is
    one, and are printed as well.
    """
    if style == "json":
        return json.dumps(shown.document, indent=2, ensure_ascii=False, allow_nan=False)
    page = as_markdown(shown)
    if style == "markdown":
        return page
    summarise(page)
    return "\n".join([*map(annotation, shown.notices), page])


def as_markdown(shown: Shown) -> str:
    """Lay out tables and remarks."""
    parts = [
        f"### {markdown.escape(table.title)}\n\n"
        f"{markdown.table(table.headings, table.lines, numeric=table.numeric)}"
        + (f"\n{markdown.escape(table.note)}\n" if table.note else "")
        for table in shown.tables if table.lines
    ]  # fmt: skip
    listed = "\n".join(f"- {markdown.escape(line)}" for line in shown.remarks)
    return "\n".join([*parts, *([f"{listed}\n"] if listed else [])])


def annotation(notice: Notice) -> str:
    """Write a workflow command, whose separators and line ends are escaped.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
    """
    title = _escaped(notice.title).replace(":", "%3A").replace(",", "%2C")
    return f"::{notice.level} title={title}::{_escaped(notice.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def summarise(page: str) -> None:
    """Append to the job's summary, where a job has one; raises UserError where it cannot."""
    if not (path := os.environ.get(SUMMARY)):
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{page}\n")
    except OSError as error:
        raise UserError(f"cannot write to {SUMMARY}: {error.strerror}; unset it") from error
