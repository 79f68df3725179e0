"""The comparison of stored runs, with constants worked out by hand."""

import math

import pytest
from studies import false_alarms
from support.comparisons import RULE, stored_side, stored_trials
from support.records import case

from bench.regression.stats.decision import Rule
from bench.regression.stored.calibrations import Spread
from bench.regression.stored.judge_runs import (
    SINGLE_PROCESS,
    compare_ratio,
    compare_runs,
    find_detectable_slowdown,
)

A = case("a")
# Deviation of two runs of two processes each: sqrt(0.03² (1/2 + 1/2) + 2 · 0.04²) = 0.0640312.
KNOWN = Spread(processes=0.03, blocks=0.04, hours=3)
# So small that 2 % are many deviations.
STILL = Spread(processes=0.0005, blocks=0.0005, hours=50)


def runs(baseline, candidate, spread=None, **options):
    """Compare runs. baseline, candidate: processes by the name of their case."""
    sides = [
        stored_side(
            *(
                record
                for name, times in by_name.items()
                for record in stored_trials(case(name), *times)
            )
        )
        for by_name in (baseline, candidate)
    ]
    return compare_runs(*sides, lambda *_: spread, **{"rule": RULE, **options})


def one(baseline, candidate, spread=None, **options):
    """Compare one case. baseline, candidate: its processes, None for a run that lacks it."""
    by_name = [{} if times is None else {"a": times} for times in (baseline, candidate)]
    (case,) = runs(*by_name, spread, **options).cases
    return case


def student(p):
    """Return the quantile of Student's t with two degrees of freedom, in closed form."""
    return (1 - 2 * p) / math.sqrt(2 * p * (1 - p))


@pytest.mark.parametrize("turned", [False, True])
def test_minima_use_equally_many_epochs(turned):
    # The third epoch of the long process is the shortest, but does not count.
    short, long = [[2.0, 1.0], [1.0, 2.0]], [[1.0, 1.0, 0.1], [1.0, 1.0]]
    result = one(*((long, short) if turned else (short, long)))
    assert result.metrics[0].ratio.mean == pytest.approx(1)
    assert (result.epochs, len(result.remarks)) == (2, 1)


def test_accuracies_are_judged_only_with_the_same_orders():
    def train(entropy, accuracy):
        return [{"epoch": 1.0, "validation_accuracy": [accuracy] * 5, "entropy": entropy}]

    same = one(train("a", 0.9), train("a", 0.8))
    other = one(train("a", 0.9), train("b", 0.8))
    assert (same.verdict, other.verdict) == ("wrong", "undecided")
    assert other.accuracy == pytest.approx((0.9, 0.8))


def test_ratio_test_by_hand():
    # ln 1.1 = 0.0953102, which is 1.48850 deviations. With 3 - 1 = 2 degrees of freedom
    # F(t) = 1/2 + t / (2 sqrt(2 + t²)), so that p = 1/2 - 1.48850 / (2 · 2.05320) = 0.137518;
    # the quantile of 0.99 is 0.98 / sqrt(2 · 0.99 · 0.01) = 6.96456, half an interval 0.445949.
    result = compare_ratio(1.1, KNOWN, (2, 2), 0.01)
    assert (result.p_slower, result.p_faster) == pytest.approx((0.137518, 0.862482), abs=1e-6)
    assert result.ratio.mean == 1.1
    assert result.ratio.low == pytest.approx(1.1 / 1.561971, rel=1e-5)
    assert result.ratio.high == pytest.approx(1.1 * 1.561971, rel=1e-5)
    assert result.pairs == 2


def test_zero_spread_is_not_tested():
    result = one([1.0] * 2, [1.1] * 2, Spread(processes=0.0, blocks=0.0, hours=5))
    assert (result.verdict, result.deviation) == ("undecided", None)


@pytest.mark.parametrize(
    ("ratio", "spread", "verdict"),
    [
        # Significant, but within the tolerance.
        (1.0195, STILL, "undecided"),
        # With a calibration, size alone decides nothing.
        (1.3, KNOWN, "undecided"),
        (1 / 1.3, KNOWN, "undecided"),
        (1.6, KNOWN, "slower"),
        (1 / 1.6, KNOWN, "faster"),
        # Without one, only size does.
        (1.201, None, "slower"),
        (1.199, None, "undecided"),
        (1 / 1.199, None, "undecided"),
        (1 / 1.201, None, "faster"),
    ],
)
def test_verdict_depends_on_the_spread_between_runs(ratio, spread, verdict):
    result = one([0.5] * 2, [0.5 * ratio] * 2, spread)
    assert (result.verdict, result.remarks) == (verdict, ())
    assert result.metrics[0].ratio.mean == pytest.approx(ratio)


def test_difference_between_runs_is_at_least_the_tolerance():
    times = [1.0] * 2, [1.25] * 2
    assert one(*times, rule=Rule(tolerance=0.24)).verdict == "slower"
    assert one(*times, rule=Rule(tolerance=0.26)).verdict == "undecided"


@pytest.mark.parametrize("count", [(1, 3), (3, 1), (1, 1)])
def test_single_process_without_calibration_decides_nothing(count):
    def judge(ratio, spread=None):
        result = one([1.0] * count[0], [ratio] * count[1], spread)
        return result.verdict, SINGLE_PROCESS in result.remarks

    assert judge(1.8) == judge(1 / 1.8) == ("undecided", True)
    assert judge(1.1) == ("undecided", False)
    assert judge(9.0, STILL) == ("slower", False)


UNAVAILABLE = [{"status": "unavailable", "reason": "none"}]
BROKEN = [{"reason": "took 10 s"}]


@pytest.mark.parametrize(
    ("ps", "verdict"),
    [
        ((0.009,), "slower"),
        ((0.009, 0.5), "undecided"),
        # Holm: the smaller p must be at most 0.01 / 2, the other one 0.01.
        ((0.004, 0.009), "slower"),
        ((0.004, 0.009, 0.5), "undecided"),
    ],
)
def test_calibrated_cases_are_one_family(ps, verdict):
    deviation = KNOWN.ratio_deviation(2, 2)
    candidate = {f"case-{p}": [math.exp(student(p) * deviation)] * 2 for p in ps}
    baseline = {name: [1.0, 1.0] for name in candidate}
    assert {item.verdict for item in runs(baseline, candidate, KNOWN).cases} == {verdict}


@pytest.mark.parametrize(
    ("baseline", "candidate", "verdict"),
    [
        ([1.0], None, "missing in candidate"),
        (None, [1.0], "missing in baseline"),
        ([1.0], UNAVAILABLE, "missing in candidate"),
        (UNAVAILABLE, [1.0], "missing in baseline"),
        (UNAVAILABLE, None, "missing in candidate"),
        (None, UNAVAILABLE, "missing in baseline"),
        (None, BROKEN, "failed"),
        (BROKEN, None, "failed"),
        (UNAVAILABLE, BROKEN, "failed"),
        ([1.0, *UNAVAILABLE], [1.0], "failed"),
    ],
)
def test_case_that_one_side_lacks_is_missing(baseline, candidate, verdict):
    result = one(baseline, candidate, STILL)
    assert (result.verdict, result.metrics, result.required) == (verdict, (), True)


def test_fault_is_counted_in_one_line():
    result = one([1.0] * 3, [1.0, 1.0, *BROKEN])
    assert result.remarks == ("candidate: failed: took 10 s (1 of 3)",)
    assert (result.processes, result.tried) == ((3, 2), (3, 3))
    assert one(None, BROKEN).remarks[1] == "missing in baseline"


def result(baseline, candidate, **options):
    return compare_runs(baseline, candidate, lambda *_: STILL, rule=RULE, **options)


@pytest.mark.parametrize(
    "machines", [("here", "there"), ("here", None), (None, "here"), (None, None)]
)
def test_runs_of_unknown_or_different_machines_are_refused(machines):
    sides = [
        stored_side(*stored_trials(A, *times), machine=machine)
        for times, machine in zip(([1.0] * 2, [1.1] * 2), machines, strict=True)
    ]
    refused = result(*sides)
    assert (refused.exit_status, refused.cases, refused.same_machine) == (4, [], False)
    assert "--across-machines" in refused.refusal
    # A calibration says nothing about two machines.
    anyway = result(*sides, across_machines=True)
    assert (anyway.refusal, anyway.same_machine) == (None, False)
    assert [case.verdict for case in anyway.cases] == ["undecided"]


@pytest.mark.parametrize("across", [True, False])
def test_runs_with_different_data_are_refused(across):
    sides = [stored_side(*stored_trials(A, 1.0), data=data) for data in "12"]
    refused = result(*sides, across_machines=across)
    assert (refused.exit_status, refused.cases) == (4, [])


def test_runs_with_different_variables_are_refused():
    sides = [stored_side(*stored_trials(case("a", env=env), 1.0)) for env in ({"A": "1"}, {}) * 2]
    refused = result(*sides[:2])
    assert (refused.exit_status, refused.cases) == (4, [])
    assert "--candidate-env" in refused.refusal
    assert refused.baseline.label.endswith(" with A=1")
    (alike,) = result(sides[0], sides[2]).cases
    assert alike.verdict == "no change"


def test_runs_without_a_case_are_refused():
    assert result(stored_side(), stored_side()).exit_status == 4


def test_detectable_slowdown_of_runs_by_hand():
    # 2.7638 is Student's quantile 0.99 of ten degrees of freedom, 1.6449 the normal one of 0.95.
    least = find_detectable_slowdown(Spread(0.0, 0.05, 11), (5, 5), Rule(alpha=0.01))
    assert least == pytest.approx(math.expm1((2.7638 + 1.6449) * 0.05 * math.sqrt(2)), rel=1e-3)
    more = find_detectable_slowdown(Spread(0.03, 0.05, 11), (5, 5), Rule(alpha=0.01))
    rule = Rule(alpha=0.01, family=4)
    assert least < min(more, find_detectable_slowdown(Spread(0.0, 0.05, 11), (5, 5), rule))


@pytest.mark.parametrize(("starts", "drift"), false_alarms.BLOCKS)
def test_blocks_that_share_an_hour_keep_the_false_alarm_rate(starts, drift):
    alarms, total = false_alarms.count_of_runs(starts, drift, calibrations=50)
    # 1 %, and what 50 calibrations add to it by chance.
    assert alarms <= 0.02 * total


def test_numbers_of_threads_are_cases_of_their_own():
    one, two = (case("a", threads=threads) for threads in (1, 2))
    sides = [stored_side(*stored_trials(of, [1.0], [1.0])) for of in (one, two)]
    cases = result(*sides).cases
    assert [(one.name, one.verdict) for one in cases] == [
        (one.slug, "missing in candidate"),
        (two.slug, "missing in baseline"),
    ]
