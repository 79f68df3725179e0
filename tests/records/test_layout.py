"""Folders of runs, and commands that take one run only."""

import pytest
from support.records import MACHINE, case, run, trials, write

from bench.records import layout
from bench.report import write as files


@pytest.fixture
def several(tmp_path):
    for name in ("b", "a", ".a.17.part", "report"):
        (tmp_path / "all" / name).mkdir(parents=True)
    for name in ("b", "a", ".a.17.part"):
        (tmp_path / "all" / name / "run.json").touch()
    (tmp_path / "all" / "run.txt").touch()
    (tmp_path / "all" / "comparison").mkdir()
    (tmp_path / "all" / "comparison" / "comparison.json").touch()
    return tmp_path / "all"


def test_collection_lists_its_runs_in_order(several):
    assert layout.find_runs(several) == [several / "a", several / "b"]
    assert layout.is_collection(several)
    assert not layout.is_collection(several / "a")


def test_run_with_runs_below_is_one_run(several):
    (several / "run.json").touch()
    assert layout.find_runs(several) == [several]
    assert not layout.is_collection(several)


def test_deeper_and_linked_runs_are_ignored(several, tmp_path):
    assert layout.find_runs(tmp_path) == []
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a").symlink_to(several / "a")
    assert layout.find_runs(tmp_path / "linked") == []


@pytest.fixture
def measured(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "can_draw", lambda: False)
    for name in ("one", "two"):
        machine = {**MACHINE, "id": name, "name": f"machine {name}"}
        plan = run(case(), run=name)
        write(tmp_path / "all" / name, plan, *trials(case(), 0.5, 0.6), machine=machine)
    return tmp_path / "all"


def test_report_of_a_collection_compares_its_runs(measured, called):
    code, out, _ = called("report", "all")
    assert (code, out.splitlines()[-1]) == (0, "all/report.md")
    text = (measured / "report.md").read_text(encoding="utf-8")
    assert text.count("2 runs side by side") == 1
    assert "machine one" in text
    assert "machine two" in text
    assert not (measured / "one" / "report.md").exists()
    named = called("report", "all/one", "all/two", "--output", "other")
    assert named[0] == 0
    again = (measured.parent / "other" / "summary.csv").read_bytes()
    assert (measured / "summary.csv").read_bytes() == again
