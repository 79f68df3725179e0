"""What GitHub shows beside a pull request: annotations, and a summary of the job.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; the escapes are those of the runner's
own toolkit, ``packages/core/src/command.ts``. GitHub shows ten annotations of a level for each
step, so that the summary has the whole table.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from bench.errors import UserError

SUMMARY = "GITHUB_STEP_SUMMARY"


class Annotation(NamedTuple):
    """A line that GitHub shows; title and message are any text."""

    level: Literal["error", "warning", "notice"]
    title: str
    message: str


def lines(found: Iterable[Annotation]) -> list[str]:
    """Return the workflow command of each annotation, a line each whatever its text is."""
    return [
        f"::{each.level} title={_property(each.title)}::{_data(each.message)}" for each in found
    ]


def summarise(markdown: str) -> None:
    """Add Markdown to the summary of the job, where there is one; raises UserError."""
    path = os.environ.get(SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{markdown.rstrip()}\n\n")
    except OSError as error:
        raise UserError(
            f"cannot write to {path}: {error.strerror}; unset {SUMMARY}, or choose another --format"
        ) from error


def _data(text: str) -> str:
    # The sign of the escapes first, or theirs would be escaped too.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
