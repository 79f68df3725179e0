"""``bench report`` writes the report of one run, of several, or the page of all of them."""

import pytest
from support.records import case, ok, run, write


@pytest.fixture
def two_runs(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, run(case(), run=name), ok(case()))


@pytest.mark.parametrize("verb", [("report", "out"), ("run", "--resume", "--output=out")])
def test_damaged_plan_is_refused(refused, tmp_path, verb):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text('{"format": "one"}\n')
    assert "out/run.json" in refused(*verb)


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
