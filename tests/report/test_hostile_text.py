"""No text of a stranger's run reaches a reader as a control character, a line or a link."""

import re

import pytest
from support import hostile_run

from bench.report import index, write

CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def check(text):
    """Check that a text quotes the run, in lines of ours."""
    assert "owned" in text
    assert CONTROLS.findall(text) == []
    assert re.findall(r"^\W*error::owned", text, re.MULTILINE) == []


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Write two hostile runs of one machine."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return [hostile_run.write(tmp_path / "runs" / name, name) for name in ("a", "b\x1b[2J\u202e")]


def check_files(folder, *others):
    """Check the files of a report, and that its Markdown has no markup of the run."""
    for name in ("report.md", "report.html", "summary.csv", *others):
        text = (folder / name).read_text(encoding="utf-8")
        check(re.sub("<script>.*?</script>", "", text, flags=re.DOTALL))
    text = (folder / "report.md").read_text(encoding="utf-8")
    text = re.sub("^    .*$", "", text, flags=re.MULTILINE)
    assert "evil.example" in text
    markup = r"www\.evil|<script|(?<!\\)(?:://evil|\[d\]|`c|\*\*e\*)"
    assert not re.search(markup, text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_report_and_its_files_are_clean(hostile, folders, called, monkeypatch):
    check_files(hostile)
    monkeypatch.setattr(write, "can_draw", lambda: False)  # what is printed needs no charts
    status, out, err = called("report", folders[0])
    assert (status, err) == (0, "")
    check(out)


def test_pages_of_several_runs_are_clean(folders, called):
    called("report", folders[0].parent)
    index.write_index(folders[0].parent)
    check_files(folders[0].parent, "index.html")


@pytest.mark.parametrize("style", ["pyperf", "pytest-benchmark"])
def test_printed_text_is_clean(folders, called, style):
    _, out, err = called("export", folders[0], f"--format={style}")
    check(out + err)
