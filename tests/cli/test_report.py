"""``bench report`` writes the report of one run, of several, or the page of all of them."""

import shutil

from support.commands import command_plan, processes, write_pairs
from support.processes import ASSETS
from support.records import case, ok, run, write


def test_report_without_a_run_leads_to_all(called, tmp_path):
    write(tmp_path / "results" / "one", run(case()), ok(case()))
    assert called("report", "results/one")[0] == 0
    assert called("report") == (0, "results/index.html\n", "")
    page = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    assert '<a href="one/report.html">one</a>' in page


def test_result_of_a_comparison_is_printed_again(called, tmp_path):
    write_pairs(tmp_path / "gate", command_plan(), *processes([0.1] * 10))
    status, out, err = called("report", "gate")
    assert (status, err) == (0, "")
    assert "1 case: 1 slower" in out


def test_folder_of_comparisons_is_listed(called, tmp_path):
    write_pairs(tmp_path / "kept" / "gate", command_plan(), *processes([0.1] * 10))
    assert called("report", "kept") == (0, "kept/index.html\n", "")
    assert ">gate</a> <span>command<" in (tmp_path / "kept" / "index.html").read_text("utf-8")


def test_comparisons_of_an_older_calibration_are_read(called, refused, tmp_path):
    shutil.copytree(ASSETS / "museum" / "calibration-format-8", tmp_path / "known")
    session = "known/20261129-184424-f7a5"
    assert "known holds no run" in refused("report", "known")
    assert called("report", session) == (0, f"{session}/index.html\n", "")
    status, out, err = called("report", f"{session}/0001")
    assert (status, err) == (0, "")
    assert "compared with" in out
