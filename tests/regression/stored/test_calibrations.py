"""Calibrations of a machine: decisions of all sessions, and spreads worked out by hand."""

import datetime as dt
import math
from pathlib import Path
from statistics import fmean

import pytest
from support.comparisons import (
    RULE,
    bad,
    comparison,
    decided,
    make_decision,
    make_design,
    pairs,
    spread_evenly,
)
from support.records import MACHINE, case

from bench.errors import UserError
from bench.records.schema import Slowdown
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stored.calibrations import (
    MIN_BETWEEN,
    Spread,
    estimate_spread,
    load_calibrations,
    locate_calibrations,
)
from bench.regression.stored.judge_runs import compare_runs
from bench.regression.stored.sides import load_side

SLUG = case("numpy").slug
FIVE = Slowdown(0.05)
REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def block(*logs, hour=0.0):
    """Return a decision. logs: of the minimum epoch of each process. hour: when it began."""
    started = dt.datetime(2025, 1, 2, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
    processes = [[math.exp(log), math.exp(log + 1)] for log in logs]
    return make_decision(processes, started.isoformat())


def daily(*blocks_logs):
    """Return decisions of different days."""
    return [block(*logs, hour=24 * day) for day, logs in enumerate(blocks_logs)]


def test_decision_has_ratios_and_process_minima():
    plain = block(0.1, 0.15, 0.3, 0.2)
    assert plain.logs == pytest.approx([0.05, -0.1])
    assert plain.list_minima() == pytest.approx([0.1, 0.15, 0.3, 0.2])
    slowed = make_decision([[1.0], [1.1]], "2025-01-02T00:00:00+00:00", make_design(FIVE))
    assert slowed.logs == pytest.approx([math.log(1.1)])
    assert slowed.list_minima() == [0.0]


# Within each block two processes differ by 0.02: a variance of 0.0002. The means of four days are
# 0.01, 0.11, 0.01, 0.11, whose variance is 0.01 / 3. Two processes a block explain 0.0001 of it.
def test_variance_components_by_hand():
    result = estimate_spread(daily(*[(0.0, 0.02), (0.1, 0.12)] * 2))
    assert result.processes == pytest.approx(math.sqrt(0.0002))
    assert result.blocks == pytest.approx(math.sqrt(0.01 / 3 - 0.0001))
    assert result.hours == 4


def test_spread_is_of_as_many_epochs_as_are_compared():
    # The first epochs of two processes differ by 0.02, their minima do not.
    processes = [[1.0, 0.5], [math.exp(0.02), 0.5]]
    days = [make_decision(processes, f"2025-01-0{day}T00:00:00+00:00") for day in "1234"]
    assert estimate_spread(days).processes == 0.0
    assert estimate_spread(days, 2).processes == 0.0
    assert estimate_spread(days, 1).processes == pytest.approx(math.sqrt(0.0002))


def test_spread_between_blocks_of_days_is_at_least_0():
    result = estimate_spread(daily(*[(0.0, 0.2), (0.01, 0.21)] * 2))
    assert result.blocks == 0.0
    assert result.processes == pytest.approx(math.sqrt(0.02))


def test_blocks_of_one_hour_count_once():
    # Five blocks in a row, of which the first alone counts, in each of four hours.
    many = [
        block(level, level, hour=hour + minute / 60)
        for hour, level in enumerate((0.0, 0.2, 0.0, 0.2))
        for minute in range(0, 50, 10)
    ]
    result = estimate_spread(many)
    assert result.hours == 4
    assert result.blocks == pytest.approx(math.sqrt(0.04 / 3))
    assert estimate_spread([*reversed(many)]) == result
    assert estimate_spread(many[:15]) is None


@pytest.mark.parametrize(("hours", "between"), [(23.9, MIN_BETWEEN), (24.0, 0.0)])
def test_calibration_of_less_than_a_day_has_the_published_spread(hours, between):
    result = estimate_spread([block(0.0, 0.0, hour=hour) for hour in (0, 1, 2, hours)])
    assert result.blocks == between


def test_published_spread_is_that_of_two_equal_runs():
    sides = [load_side(REFERENCE / f"amd-epyc-2-cores-{name}") for name in ("first", "second")]
    cases = compare_runs(*sides, None, rule=RULE).cases
    logs = [math.log(one.metrics[0].ratio.mean) for one in cases if min(one.processes) >= 5]
    assert len(logs) == 13
    assert math.sqrt(fmean(log**2 for log in logs) / 2) == pytest.approx(MIN_BETWEEN, abs=5e-4)


# 0.0036 * (1 / 4 + 1 / 9) + 2 * 0.0004 = 0.0013 + 0.0008.
def test_ratio_deviation_by_hand():
    result = Spread(0.06, 0.02, 10)
    assert result.ratio_deviation(4, 9) == pytest.approx(math.sqrt(0.0021))
    assert result.ratio_deviation(9, 4) == result.ratio_deviation(4, 9)
    assert result.ratio_deviation(10**9, 10**9) == pytest.approx(0.02 * math.sqrt(2))


def test_calibrations_have_the_pairs_of_all_decisions(tmp_path):
    decided(tmp_path, pairs([0.1, 0.2]), pairs([0.3]), run="b")
    decided(tmp_path, pairs([0.4, 0.5]), design=make_design(FIVE), run="a")
    decided(tmp_path, [bad("base", 1)], run="c")
    calibrations = load_calibrations(tmp_path)
    assert calibrations.cases == [SLUG]
    assert [len(one.pairs) for one in calibrations.decisions] == [2, 2, 1, 0]
    assert calibrations.logs(SLUG) == pytest.approx([0.1, 0.2, 0.3])
    # The candidates of slowed pairs say nothing of the machine.
    assert len(calibrations.decisions[0].list_minima()) == 2
    assert calibrations.spread("another") is None


def test_calibration_of_another_machine_is_left_out(tmp_path):
    decided(tmp_path, pairs([0.1]))
    assert load_calibrations(tmp_path, MACHINE["id"]).cases == [SLUG]
    calibrations = load_calibrations(tmp_path, "another")
    assert (calibrations.cases, len(calibrations.faults)) == ([], 1)
    assert "another machine" in calibrations.faults[0]


def test_detectable_slowdown_uses_all_pairs_of_equal_versions(tmp_path):
    decided(tmp_path, pairs(spread_evenly(48, 0.05)))
    decided(tmp_path, pairs([0.5] * 20), design=make_design(FIVE), run="slowed")
    calibrations = load_calibrations(tmp_path)
    assert calibrations.detectable_slowdown(SLUG, 20, RULE) == pytest.approx(
        power.find_smallest_slowdown(calibrations.logs(SLUG), 20, RULE)
    )
    assert calibrations.detectable_slowdown(SLUG, 49, RULE) is None
    # The fewest pairs that can reject: 2 ** -7 < 0.01, and 2 ** -9 < 0.01 / 4.
    for rule, fewest in ((RULE, 7), (Rule(family=4), 9)):
        assert calibrations.detectable_slowdown(SLUG, fewest - 1, rule) is None
        assert 0 < calibrations.detectable_slowdown(SLUG, fewest, rule) < 1


@pytest.mark.parametrize("file", ["decision.json", "comparison.json", "trials.jsonl"])
@pytest.mark.parametrize("content", ["{\n", '{"format": 999}\n'])
def test_damaged_session_is_left_out_whole_with_the_name_of_its_file(tmp_path, file, content):
    decided(tmp_path, pairs([0.1]))
    decided(tmp_path, pairs([0.1]), run="another")
    with (tmp_path / "a session" / "0001" / file).open("a") as stream:
        stream.write(content)
    calibrations = load_calibrations(tmp_path)
    (fault,) = calibrations.faults
    assert f"0001/{file}" in fault
    assert "\n" not in fault
    assert (len(calibrations.decisions), len(calibrations.environments)) == (1, 1)


def test_decision_of_two_cases_or_of_another_is_damaged(tmp_path):
    decided(tmp_path, pairs([0.1]), plan=comparison("numpy", "keras"))
    decided(tmp_path, pairs([0.1], case("keras")), run="b")
    first, second = load_calibrations(tmp_path).faults
    assert "one case" in first
    assert "no case of this comparison" in second


def test_calibrations_need_a_home_folder(monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: "~/.local/share/softmax-bench")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(UserError, match="Set XDG_DATA_HOME"):
        locate_calibrations("abc")
