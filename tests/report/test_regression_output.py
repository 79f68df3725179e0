"""A comparison in every format that is not the terminal's."""

import json

import pytest

from bench.errors import UserError
from bench.report.base.parts import Table
from bench.report.regression.output import Annotation, ComparisonOutput, Heading, format_output

TABLE = Table(
    "One *against* two",
    ("a|b", "time"),
    [["x|y", "1 s"], ["_z_", "2 s"]],
    words=1,
    note="Of <b>epochs</b>.",
)
PAGE = """\
## ✅ of `` a`b <c> [*d*](e) `` is \\*it\\*

main → other

<details><summary>Tables and rule</summary>

## One \\*against\\* two

| a\\|b | time |
| --- | ---: |
| x\\|y | 1\N{NO-BREAK SPACE}s |
| \\_z\\_ | 2\N{NO-BREAK SPACE}s |

Of &lt;b&gt;epochs&lt;/b&gt;.

</details>

- it went \\*well\\*
- and on
"""


def made(**changes):
    return ComparisonOutput(
        **{
            "heading": Heading("✅ of", "a`b\n<c> [*d*](e)", "is *it*"),
            "setting": "main → other",
            "tables": [TABLE],
            "remarks": ["it went *well*", "and\non"],
            "annotations": [Annotation("error", "one: slower", "by 5 %")],
            "document": {"of": "é", "value": 0.1, "none": None},
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def summary(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def test_markdown_has_escaped_tables_notes_and_remarks():
    assert format_output(made(), "markdown") == PAGE
    bare = made(heading=Heading("❌"), opening=["no"], tables=(), remarks=())
    assert format_output(bare, "markdown") == "## ❌\n\nmain → other\n\n**no**\n"


def test_json_is_the_document_only():
    text = format_output(made(), "json")
    assert json.loads(text) == {"of": "é", "value": 0.1, "none": None}
    assert text.startswith('{\n  "of": "é"')


def test_github_has_annotations_page_and_summary(summary):
    text = format_output(made(), "github")
    assert text == f"::error title=one%3A slower::by 5 %25\n{PAGE}"
    assert summary.read_text(encoding="utf-8") == f"{PAGE}\n"
    format_output(made(), "github")
    assert summary.read_text(encoding="utf-8") == f"{PAGE}\n" * 2


@pytest.mark.parametrize(
    ("text", "title", "message"),
    [
        ("a: b\r\n::x::", "a%3A b%0D%0A%3A%3Ax%3A%3A", "a: b%0D%0A::x::"),
        ("%0A, é → ü", "%250A%2C é → ü", "%250A, é → ü"),
    ],
)
def test_annotation_is_one_line_whatever_its_text(text, title, message):
    output = made(annotations=[Annotation("notice", text, text)])
    line, _ = format_output(output, "github").split("\n", maxsplit=1)
    assert line == f"::notice title={title}::{message}"


def test_summary_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UserError, match="GITHUB_STEP_SUMMARY"):
        format_output(made(), "github")
