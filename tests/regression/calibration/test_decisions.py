"""Decisions are counted by what they have in common, each once, and shown in tables."""

import json
import math
from dataclasses import replace
from statistics import stdev

import pytest
from studies.decisions import (
    build_calibration_output,
    compute_wilson_interval,
    count_decisions,
    measure_pair_noise,
    name_load,
    shift_decision,
)
from support.comparisons import bad, comparison, decided, make_design, pairs, two
from support.records import case

from bench.records.schema import Slowdown
from bench.regression.stored.calibrations import Calibrations, load_calibrations
from bench.regression.versions.names import Version
from bench.report.regression.output import format_output

SLUG = case("numpy").slug
SLOW, FAST, SAME = [0.1] * 10, [-0.1] * 10, [0.01, -0.01] * 5


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine
# 17 (1998), pp. 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("count", "total", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))],
)
def test_interval_is_that_of_wilson(count, total, interval):
    assert compute_wilson_interval(count, total) == pytest.approx(interval, abs=5e-5)


def test_decisions_are_counted_once(tmp_path):
    decided(
        tmp_path,
        *(pairs(logs) for logs in (SLOW, FAST, SAME, SAME)),
        [*pairs(SAME), bad("candidate", 11)],
        pairs(SLOW[:6]),  # seven are needed: this could not come out otherwise
    )
    (count,) = count_decisions(load_calibrations(tmp_path).decisions)
    assert count.verdicts == {"slower": 1, "faster": 1, "undecided": 3}
    assert (count.total, count.failed, count.too_few_pairs) == (5, 1, 1)
    assert count.pairs == 10
    assert count.slower_interval == compute_wilson_interval(1, 4)
    injected = replace(count, group=replace(count.group, slowdown=Slowdown(0.05)))
    assert injected.slower_interval == compute_wilson_interval(1, 5)
    # All pairs start together, and a process takes 12 s (support.records.ok).
    assert count.seconds == 12


def test_unlike_decisions_are_counted_apart(tmp_path):
    designs = [
        make_design(),
        make_design(others_seconds=90.0),
        make_design(others_seconds=None),
        make_design(Slowdown(0.05)),
        make_design(others_seconds=90.0, load_before=3.0),
        make_design(load_before=2.5),
    ]
    for number, design in enumerate(designs):
        decided(tmp_path, pairs(SAME), design=design, run=str(number))
    decided(tmp_path, pairs(SAME), plan=comparison(tolerance=0.0, budget=15.0), run="short")
    counts = count_decisions(load_calibrations(tmp_path).decisions)
    assert [
        (count.group.slowdown, count.group.budget, count.group.machine, count.load, count.total)
        for count in counts
    ] == [
        (None, 15.0, "quiet", 1.5, 1),
        (None, 180.0, "busy", 1.5, 1),
        (None, 180.0, "loaded", 3.0, 1),
        (None, 180.0, "not known", 1.5, 1),
        (None, 180.0, "quiet", 2.0, 2),
        (Slowdown(0.05), 180.0, "quiet", 1.5, 1),
    ]


@pytest.mark.parametrize(("share", "verdict"), [(0.005, "undecided"), (0.02, "slower")])
def test_shifted_decision_has_exactly_that_slowdown(tmp_path, share, verdict):
    decided(tmp_path, pairs(SAME), pairs(SAME, alternated=True))
    decisions = load_calibrations(tmp_path).decisions
    (count,) = count_decisions(shift_decision(one, share) for one in decisions)
    assert (count.group.slowdown, count.group.how) == (Slowdown(share), "computed")
    assert (count.verdicts, count.estimate) == ({verdict: 2}, pytest.approx(1 + share))


@pytest.mark.parametrize(
    ("others", "steal", "busy"),
    # Limits of two processors in 100 s: 5 % are 10 s, 1 % are 2 s.
    [(9.9, 0.0, False), (10.1, 0.0, True), (0.0, 1.9, False), (0.0, 2.1, True), (9.9, None, False)],
)
def test_busy_machine_is_one_that_disturbs_a_run(others, steal, busy):
    conditions = {"seconds": 100.0, "others_seconds": others, "steal_seconds": steal}
    assert name_load(conditions, 2) == ("busy" if busy else "quiet")


def test_noise_of_pairs_is_that_of_epochs_in_turn_and_of_processes_in_a_row(tmp_path):
    speeds, logs = [0.5, 1.0, 0.25, 0.5], [0.01, -0.01, 0.02, 0.0]
    records = [
        record
        for number, (speed, log) in enumerate(zip(speeds, logs, strict=True), 1)
        for record in two(number, speed, speed * math.exp(log), alternated=True)
    ]
    decided(tmp_path, records, pairs(SAME))  # the epochs of the second did not alternate
    slowed = pairs(SLOW, alternated=True)
    decided(tmp_path, slowed, design=make_design(Slowdown(0.05)), run="slowed")
    (noise,) = measure_pair_noise(load_calibrations(tmp_path).decisions)
    assert (noise.pairs, noise.group.slowdown) == (4, None)
    assert noise.alternated_deviation == pytest.approx(stdev(logs))
    steps = [math.log(2), -math.log(4), math.log(2)]
    assert noise.successive_deviation == pytest.approx(stdev(steps))


# ----- tables


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
    failed = "1 comparisons failed and are not counted"
    assert output.remarks == ["measured on 2-core Test CPU, 8 GiB", failed]


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
