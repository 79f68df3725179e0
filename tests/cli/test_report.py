"""``bench report`` writes the report of one run, of several, or the page of all of them."""

from support.commands import command_plan, processes, write_pairs
from support.comparisons import decided, pairs
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


def test_folder_of_calibrations_is_refused_with_what_counts_them(refused, tmp_path):
    decided(tmp_path / "known", pairs([0.1] * 3))
    command = "python docs/studies/calibrate.py --show --calibrations known\n"
    assert refused("report", "known").endswith(command)
