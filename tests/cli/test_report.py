"""``bench report`` writes the report of one run, of several, or the page of all of them."""

import pytest
from support.records import case, ok, run, write

from bench.report import write as files


@pytest.fixture
def two_runs(tmp_path):
    """Two runs, in the folders ``one`` and ``two``."""
    for name in ("one", "two"):
        write(tmp_path / name, run(case(), run=name), ok(case()))


def test_folder_without_a_run_is_refused(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no run" in refused("report", "empty")


@pytest.mark.parametrize("verb", [("report", "out"), ("run", "--resume", "--output=out")])
def test_damaged_plan_is_refused(refused, tmp_path, verb):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text('{"format": "one"}\n')
    assert "out/run.json" in refused(*verb)


def test_report_without_charts_says_what_they_need(called, two_runs, tmp_path, monkeypatch):
    code, out, _ = called("report", "one")
    assert (code, "pip install" in out) == (0, False)
    assert (tmp_path / "one" / "report.html").exists()
    monkeypatch.setattr(files, "can_draw", lambda: False)
    assert "pip install -e '.[report]'" in called("report", "one")[1]


def test_several_runs_make_one_report(called, refused, two_runs, tmp_path):
    assert called("report", "one", "two", "--output=both") == (0, "both/report.html\n", "")
    names = {path.name for path in (tmp_path / "both").iterdir()}
    assert {"report.md", "report.html", "summary.csv"} <= names
    refused("report", "one", "two")
    refused("report", "one", "--output=both")
    refused("report", "one", "two", "--output=one")


def test_report_without_a_run_leads_to_all(called, tmp_path):
    write(tmp_path / "results" / "one", run(case()), ok(case()))
    assert called("report", "results/one")[0] == 0
    assert called("report") == (0, "results/index.html\n", "")
    page = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    assert '<a href="one/report.html">one</a>' in page
