"""How the calibrations of a machine are shown as tables and JSON."""

import json

import pytest
from support.comparisons import bad, comparison, decided, make_design, pairs
from support.records import case

from bench.records.schema import Slowdown
from bench.regression.calibration.spread import Calibrations, load_calibrations
from bench.regression.versions.names import Version
from bench.report.regression.calibration import build_calibration_output
from bench.report.regression.output import format_output

SLUG = case("numpy").slug
SAME, SLOW = [0.01, -0.01] * 5, [0.1] * 10


@pytest.fixture
def output(tmp_path):
    """Return what a machine with four plain decisions and one slowed decision shows."""
    decided(tmp_path, *[pairs(SAME)] * 3, pairs(SLOW), [bad("base", 1)])
    here = Version(".", "tree")
    plan = comparison(tolerance=0.0, budget=15.0, baseline=here, candidate=here)
    design = make_design(Slowdown(0.05), others_seconds=90.0)
    decided(tmp_path, pairs(SLOW), design=design, plan=plan, run="slowed")
    return build_calibration_output(load_calibrations(tmp_path))


def test_tables_have_each_decision_once(output):
    alarms, slowed, noise = output.tables
    # The 95 % Wilson intervals of 1 of 4 and of 1 of 1.
    (line,) = alarms.lines
    assert line[:5] == [SLUG, "3 min 00 s", "quiet", "1.5", "4"]
    assert line[5:] == ["1", "0", "3", "0", "4.6 to 69.9", "+0.0 %", "10", "12 s"]
    # Beside the injected slowdown, the four plain decisions shifted by 2 % and by 5 %.
    assert [(*line[1:3], *line[6:8], line[12]) for line in slowed.lines] == [
        ("2 %", "computed", "4", "4", "+2.0 %"),
        ("5 %", "injected", "1", "1", "+10.5 %"),
        ("5 %", "computed", "4", "4", "+5.0 %"),
    ]
    line = slowed.lines[1]
    assert line[3:6] == ["15 s", "busy, sides in one place", "1.5"]
    assert line[6:12] == ["1", "1", "0", "0", "0", "20.7 to 100.0"]
    assert noise.lines[0][:2] == [SLUG, "40"]
    assert noise.lines[0][-1] == "—"
    for table in output.tables:
        for line in table.lines:
            assert len(line) == len(table.headings), table.title
    assert output.remarks == ["1 comparisons failed and are not counted"]


def test_noise_of_pairs_with_epochs_in_turn_has_a_line(tmp_path):
    decided(tmp_path, pairs(SAME, alternated=True))
    output = build_calibration_output(load_calibrations(tmp_path))
    assert output.tables[2].lines == [[SLUG, "3 min 00 s", "quiet", "10", "1.1 %", "0 %"]]
    (noise,) = json.loads(format_output(output, "json"))["pair_noise"]
    assert (noise["pairs"], noise["successive_deviation"]) == (10, 0.0)
    assert noise["alternated_deviation"] == pytest.approx(0.011, abs=0.001)
    assert noise["design"]["machine"] == "quiet"


def test_empty_calibration_says_what_to_do():
    output = build_calibration_output(Calibrations())
    assert (output.tables, len(output.remarks)) == ([], 1)
