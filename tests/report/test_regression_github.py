"""What GitHub shows is any text on a line of its own, as the runner reads it back."""

import re

import pytest

from bench.errors import UserError
from bench.report.regression import github
from bench.report.regression.github import Annotation

COMMAND = re.compile(r"::(\w+) title=([^,:]*)::(.*)")


def read_back(line):
    """Take a line apart as the runner does: a property ends at a comma, escapes come back."""
    level, title, message = COMMAND.fullmatch(line).groups()
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        title = title.replace(code, character)
        if code not in {"%3A", "%2C"}:
            message = message.replace(code, character)
    return level, title, message


def test_an_annotation_is_a_line_of_its_level():
    found = [Annotation("error", "a case", "slower"), Annotation("warning", "another", "unknown")]
    assert github.lines(found) == [
        "::error title=a case::slower",
        "::warning title=another::unknown",
    ]
    assert github.lines([]) == []


def test_what_the_runner_would_take_for_its_own_is_escaped():
    (line,) = github.lines([Annotation("error", "a: b, 5%\r\n", "c: d, 5%\r\n::stop::")])
    assert line == "::error title=a%3A b%2C 5%25%0D%0A::c: d, 5%25%0D%0A::stop::"


@pytest.mark.parametrize("text", ["%0A", "%25", "a%b", "\n::error::x", "x,y=z", "::", "é → ü", ""])
def test_any_text_is_one_line_and_comes_back(text):
    (line,) = github.lines([Annotation("notice", text, text)])
    assert "\n" not in line
    assert "\r" not in line
    assert read_back(line) == ("notice", text, text)


def test_a_summary_is_added_to_what_earlier_steps_said(tmp_path, monkeypatch):
    file = tmp_path / "summary.md"
    file.write_text("earlier\n\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    github.summarise("## one → two\n")
    github.summarise("## next")
    assert file.read_text(encoding="utf-8") == "earlier\n\n## one → two\n\n## next\n\n"


@pytest.mark.parametrize("value", [None, ""])
def test_where_there_is_no_summary_nothing_is_written(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    if value is None:
        monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    else:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", value)
    github.summarise("text")
    assert list(tmp_path.iterdir()) == []


def test_a_summary_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UserError, match=r"cannot write to .*; unset GITHUB_STEP_SUMMARY"):
        github.summarise("text")
