"""Decisions are counted by what they have in common, each once."""

import math
from dataclasses import replace
from statistics import stdev

import pytest
from support.comparisons import bad, comparison, decided, make_design, pairs, two

from bench.records.schema import Slowdown
from bench.regression.calibration.counts import (
    compute_wilson_interval,
    count_decisions,
    is_busy,
    measure_pair_noise,
)
from bench.regression.calibration.spread import load_calibrations

MONDAY, TUESDAY = "2025-01-06T23:00:00+00:00", "2025-01-07T01:00:00+00:00"
SLOW, FAST, SAME = [0.1] * 10, [-0.1] * 10, [0.01, -0.01] * 5


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine
# 17 (1998), pp. 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("count", "total", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))],
)
def test_interval_is_that_of_wilson(count, total, interval):
    assert compute_wilson_interval(count, total) == pytest.approx(interval, abs=5e-5)


def test_decisions_are_counted_once_with_their_days(tmp_path):
    decided(
        tmp_path,
        pairs(SLOW, started=MONDAY),
        pairs(FAST, started=MONDAY),
        pairs(SAME, started=TUESDAY),
        pairs(SAME, started=TUESDAY),
        [*pairs(SAME), bad("candidate", 11)],
        pairs(SLOW[:6], started=TUESDAY),  # seven are needed: this could not come out otherwise
    )
    (count,) = count_decisions(load_calibrations(tmp_path).decisions)
    assert count.verdicts == {"slower": 1, "faster": 1, "undecided": 3}
    assert (count.total, count.failed, count.too_few_pairs) == (5, 1, 1)
    assert (count.days, count.pairs) == (2, 10)
    assert count.slower_interval == compute_wilson_interval(1, 4)
    injected = replace(count, design=replace(count.design, slowdown=Slowdown(0.05)))
    assert injected.slower_interval == compute_wilson_interval(1, 5)
    # All pairs start together, and a process takes 12 s (support.records.ok).
    assert count.seconds == 12


def test_unlike_decisions_are_counted_apart(tmp_path):
    designs = [
        make_design(),
        make_design(others_seconds=90.0),
        make_design(others_seconds=None),
        make_design(Slowdown(0.05)),
    ]
    for number, design in enumerate(designs):
        decided(tmp_path, pairs(SAME), design=design, run=str(number))
    decided(tmp_path, pairs(SAME), plan=comparison(tolerance=0.0, budget=15.0), run="short")
    counts = count_decisions(load_calibrations(tmp_path).decisions)
    assert [
        (count.design.slowdown, count.design.budget, count.design.busy) for count in counts
    ] == [
        (None, 15.0, False),
        (None, 180.0, False),
        (None, 180.0, None),
        (None, 180.0, True),
        (Slowdown(0.05), 180.0, False),
    ]
    assert {count.total for count in counts} == {1}


@pytest.mark.parametrize(
    ("others", "steal", "busy"),
    # Limits of two processors in 100 s: 5 % are 10 s, 1 % are 2 s.
    [(9.9, 0.0, False), (10.1, 0.0, True), (0.0, 1.9, False), (0.0, 2.1, True), (9.9, None, False)],
)
def test_busy_machine_is_one_that_disturbs_a_run(others, steal, busy):
    conditions = {"seconds": 100.0, "others_seconds": others, "steal_seconds": steal}
    assert is_busy(conditions, 2) is busy
    assert is_busy({**conditions, "others_seconds": None}, 2) is None


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
    assert (noise.pairs, noise.design.slowdown) == (4, None)
    assert noise.alternated_deviation == pytest.approx(stdev(logs))
    steps = [math.log(2), -math.log(4), math.log(2)]
    assert noise.successive_deviation == pytest.approx(stdev(steps))
