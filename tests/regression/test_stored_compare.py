"""Stored runs are held against the spread between runs: worked out by hand."""

import math
from pathlib import Path

import pytest
from support.comparisons import RULE
from support.comparisons import stored_series as series
from support.comparisons import stored_side as side

from bench.analysis.intervals import Interval
from bench.regression.calibration.spread import Spread
from bench.regression.stats.decision import Rule
from bench.regression.stored.compare import (
    SINGLE_PROCESS,
    CompareOptions,
    compare_ratio,
    compare_runs,
    detectable_slowdown,
)
from bench.regression.stored.load import load_side

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
# Deviation of two runs of two processes each: sqrt(0.03² (1/2 + 1/2) + 2 · 0.04²) = 0.0640312.
KNOWN = Spread(epochs=0.5, processes=0.03, blocks=0.04, count=3)
# So small that two per cent are many deviations, and of many blocks.
STILL = Spread(epochs=0.5, processes=0.0005, blocks=0.0005, count=50)


def compare(base, candidate, find_spread=None, *, rule=RULE, between_runs=0.2, **options):
    """Return the cases of two sides."""
    options = CompareOptions(rule=rule, between_runs=between_runs, **options)
    return compare_runs(base, candidate, find_spread, options).cases


def compared(base, candidate, spread=None, **options):
    """Return the comparison of one case, which was calibrated with this spread or not at all."""
    sides = side(base) if base else side(), side(candidate) if candidate else side()
    (case,) = compare(*sides, lambda _: spread, **options)
    return case


def student(p):
    """Quantile of Student's t with two degrees of freedom, which has a closed form."""
    return (1 - 2 * p) / math.sqrt(2 * p * (1 - p))


# ----- the statistic


def test_a_side_is_the_geometric_mean_of_the_least_times_of_its_processes():
    found = compared(series("a", (3.0, 1.0, 2.0), (4.0, 5.0, 9.0)), series("a", (3.0, 3.0, 3.0)))
    assert (found.metrics[0].baseline, found.metrics[0].candidate) == pytest.approx((2.0, 3.0))
    assert found.metrics[0].ratio == Interval(pytest.approx(1.5))
    assert found.processes == (2, 1)
    assert found.epochs == 3


@pytest.mark.parametrize("turned", [False, True])
def test_more_times_do_not_win_by_their_number(turned):
    # The third time of the long process is the least, and is not looked at.
    short, long = series("a", (2.0, 1.0), (1.0, 2.0)), series("a", (1.0, 1.0, 0.1), (1.0, 1.0))
    found = compared(*((long, short) if turned else (short, long)))
    assert found.metrics[0].ratio.mean == pytest.approx(1)
    assert found.epochs == 2
    assert len(found.remarks) == 1


def test_p_and_interval_are_those_of_students_t_on_the_logarithm():
    # ln 1.1 = 0.0953102, which is 1.48850 deviations. With 3 - 1 = 2 degrees of freedom
    # F(t) = 1/2 + t / (2 sqrt(2 + t²)), so that p = 1/2 - 1.48850 / (2 · 2.05320) = 0.137518;
    # the quantile of 0.99 is 0.98 / sqrt(2 · 0.99 · 0.01) = 6.96456, half an interval 0.445949.
    found = compare_ratio(1.1, KNOWN, (2, 2), 0.01)
    assert found.p_slower == pytest.approx(0.137518, abs=1e-6)
    assert found.p_faster == pytest.approx(0.862482, abs=1e-6)
    assert found.ratio.mean == 1.1
    assert found.ratio.low == pytest.approx(1.1 / 1.561971, rel=1e-5)
    assert found.ratio.high == pytest.approx(1.1 * 1.561971, rel=1e-5)
    assert found.pairs == 2


def test_a_case_is_tested_with_the_processes_that_each_side_has():
    # 0.03² (1/1 + 1/4) + 2 · 0.04² = 0.004325, whose root is 0.0657647.
    found = compared(series("a", 1.0), series("a", *[1.1] * 4), KNOWN)
    t = math.log(1.1) / 0.0657647
    p = 0.5 - t / (2 * math.sqrt(2 + t * t))
    assert found.metrics[0].p_slower == pytest.approx(p, abs=1e-5)
    assert found.metrics[0].p_faster == pytest.approx(1 - p, abs=1e-5)
    assert (found.deviation, found.blocks) == (pytest.approx(0.0657647, abs=1e-6), 3)


def test_an_interval_that_tells_nothing_has_no_bounds():
    wide = Spread(epochs=0.1, processes=1.0, blocks=1.0, count=2)
    found = compare_ratio(1.5, wide, (5, 5), 0.001)
    assert found.ratio == Interval(1.5)
    assert 0.4 < found.p_slower < 0.5


def test_a_spread_of_nought_tests_nothing_and_makes_nothing_significant():
    none = Spread(epochs=0.0, processes=0.0, blocks=0.0, count=5)
    with pytest.raises(ValueError, match="no spread"):
        compare_ratio(1.1, none, (2, 2), 0.01)
    found = compared(series(), series("a", 1.1, 1.1), none)
    assert (found.verdict, found.deviation) == ("undecided", None)


# ----- the verdict


@pytest.mark.parametrize(
    ("ratio", "spread", "outcome"),
    [
        (1.03, STILL, "slower"),
        (1 / 1.03, STILL, "faster"),
        (1.01, STILL, "no change"),
        (1.0, STILL, "no change"),
        (1 / 1.01, STILL, "no change"),
        # Sure to be above 1, and too small to matter.
        (1.0195, STILL, "undecided"),
        (1.1, KNOWN, "undecided"),
        # With a calibration the size alone says nothing.
        (1.3, KNOWN, "undecided"),
        (1 / 1.3, KNOWN, "undecided"),
        (1.6, KNOWN, "slower"),
        (1 / 1.6, KNOWN, "faster"),
    ],
)
def test_what_was_calibrated_is_judged_by_its_spread(ratio, spread, outcome):
    assert compared(series(), series("a", ratio, ratio), spread).verdict == outcome


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [
        (1.201, "slower"),
        (1.199, "undecided"),
        (1.0, "undecided"),
        (1 / 1.199, "undecided"),
        (1 / 1.201, "faster"),
    ],
)
def test_without_a_calibration_only_a_large_ratio_is_called_anything(ratio, outcome):
    base = series("a", *[0.5] * 5)
    found = compared(base, series("a", *[0.5 * ratio] * 5))
    assert found.verdict == outcome
    assert found.metrics[0].ratio == Interval(pytest.approx(ratio))
    assert (found.deviation, found.remarks) == (None, ())


def test_the_spread_within_a_run_is_never_asked():
    base, candidate = (series("a", *[(each, each)] * 30) for each in (1.0, 1.19))
    assert compared(base, candidate).verdict == "undecided"
    wild = series("a", *[0.5, 5.0] * 10)
    assert compared(series("a", 1.0, 1.0), wild).verdict == "slower"


def test_what_is_large_can_be_said_otherwise_but_not_below_the_tolerance():
    base, candidate = series(), series("a", 1.05, 1.05)
    assert compared(base, candidate, between_runs=0.04).verdict == "slower"
    assert compared(base, candidate, between_runs=0.06).verdict == "undecided"
    loose = Rule(tolerance=0.06)
    assert compared(base, candidate, between_runs=0.04, rule=loose).verdict == "undecided"


@pytest.mark.parametrize("processes", [(1, 3), (3, 1), (1, 1)])
def test_a_single_process_that_is_called_slower_is_called_single_too(processes):
    one, other = processes
    base = series("a", *[1.0] * one)
    far = compared(base, series("a", *[1.5] * other))
    assert far.verdict == "slower"
    assert SINGLE_PROCESS in far.remarks
    assert SINGLE_PROCESS not in compared(base, series("a", *[1.1] * other)).remarks
    assert SINGLE_PROCESS not in compared(base, series("a", *[9.0] * other), STILL).remarks


def held(*ps, spread=KNOWN, uncalibrated=0):
    """Return the outcomes of cases whose slowdowns have these p, and of others untested."""
    deviation = KNOWN.ratio_deviation(2, 2)
    ratios = [math.exp(student(p) * deviation) for p in ps] + [1.1] * uncalibrated
    names = [f"case {number}" for number in range(len(ratios))]
    base = side(*(series(name) for name in names))
    candidate = side(*(series(name, one, one) for name, one in zip(names, ratios, strict=True)))
    found = compare(
        base, candidate, lambda name: spread if name in names[: len(ps)] else None, between_runs=0.5
    )
    return [each.verdict for each in found], found


def test_all_cases_together_raise_a_false_alarm_as_seldom_as_one_would():
    assert held(0.009)[0] == ["slower"]
    assert held(0.009, 0.5)[0] == ["undecided", "undecided"]
    # Holm: the least has to be below 0.01 / 2, the next below 0.01.
    assert held(0.004, 0.009)[0] == ["slower", "slower"]
    assert held(0.004, 0.009, 0.5)[0] == ["undecided"] * 3


def test_a_case_that_cannot_be_tested_is_no_part_of_the_family():
    outcomes, found = held(0.004, 0.009, uncalibrated=3)
    assert outcomes == ["slower", "slower", *["undecided"] * 3]
    # Half an interval is the quantile at 0.01 / 2.
    half = math.log(found[0].metrics[0].ratio.high / found[0].metrics[0].ratio.mean)
    assert half == pytest.approx(student(0.005) * KNOWN.ratio_deviation(2, 2))


def test_a_case_that_failed_is_no_part_of_the_family_though_it_was_calibrated():
    sides = [
        side(series("a"), series("b")),
        side(series("a", 1.9, 1.9), series("b", faults=("failed: no",))),
    ]
    found = {each.name: each for each in compare(*sides, lambda _: KNOWN)}
    half = math.log(found["a"].metrics[0].ratio.high / found["a"].metrics[0].ratio.mean)
    assert half == pytest.approx(student(0.01) * KNOWN.ratio_deviation(2, 2))
    assert (found["b"].verdict, found["b"].deviation) == ("failed", None)


def test_a_case_that_is_wrong_is_no_part_of_the_family_though_it_has_times():
    sides = [
        side(series("a"), series("b", accuracy=0.9)),
        side(series("a", 1.9, 1.9), series("b", accuracy=0.8)),
    ]
    found = {each.name: each for each in compare(*sides, lambda _: KNOWN)}
    half = math.log(found["a"].metrics[0].ratio.high / found["a"].metrics[0].ratio.mean)
    assert half == pytest.approx(student(0.01) * KNOWN.ratio_deviation(2, 2))
    assert (found["b"].verdict, found["b"].deviation) == ("wrong", None)


# ----- what is no pass


@pytest.mark.parametrize("spread", [None, STILL])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_a_case_that_one_side_lacks_is_missing_there(ratio, spread):
    there = series("a", ratio)
    assert compared(there, None, spread).verdict == "missing in candidate"
    assert compared(None, there, spread).verdict == "missing in baseline"
    assert compared(None, there, spread).metrics == ()


@pytest.mark.parametrize("spread", [None, STILL])
def test_one_process_that_failed_on_either_side_makes_the_case_a_failed_one(spread):
    good = series("a", 1.0, 1.0, 1.0)
    bad = series("a", 1.0, 1.0, tried=3, faults=("timeout: took  10 s\n",))
    found = compared(good, bad, spread)
    assert (found.verdict, found.remarks) == ("failed", ("candidate: timeout: took 10 s (1 of 3)",))
    assert (found.processes, found.tried) == ((3, 2), (3, 3))
    found = compared(bad, good, spread)
    assert (found.verdict, found.remarks) == ("failed", ("baseline: timeout: took 10 s (1 of 3)",))
    assert found.metrics == ()


@pytest.mark.parametrize(
    "times",
    [
        (),
        ((),),
        ((1.0,), ()),
        ((0.0,),),
        ((-1.0,),),
        ((math.nan,),),
        ((math.inf,),),
        ((1.0, math.nan),),
        ((5e-324,),),
        ((1e308,),),
        ((1.0,), (9e-13,)),
    ],
)
def test_what_has_no_time_or_what_is_none_has_failed(times):
    odd = series("a", processes=times)
    for found in (compared(series(), odd, STILL), compared(odd, series(), STILL)):
        assert found.verdict == "failed"
        assert len(found.remarks) >= 1
        assert found.metrics == ()


@pytest.mark.parametrize("spread", [None, STILL])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_a_candidate_whose_result_is_wrong_is_wrong_whatever_its_time(ratio, spread):
    wrong = series("a", ratio, ratio, wrong="failed: off by 1", faults=("failed: off by 1",))
    found = compared(series(), wrong, spread)
    assert (found.verdict, found.remarks) == ("wrong", ("candidate: failed: off by 1 (1 of 2)",))
    assert compared(None, wrong, spread).verdict == "wrong"
    assert compared(wrong, wrong, spread).verdict == "wrong"
    assert compared(wrong, series(), spread).verdict == "failed"
    assert compared(wrong, None, spread).verdict == "failed"


def test_why_a_candidate_is_wrong_is_said_where_no_fault_says_it():
    found = compared(series(), series("a", wrong="off\nby 1"))
    assert (found.verdict, found.remarks) == ("wrong", ("candidate: off by 1",))


@pytest.mark.parametrize("spread", [None, STILL])
def test_a_candidate_that_learns_less_is_wrong_however_fast_it_is(spread):
    found = compared(series(accuracy=0.84), series("a", 0.1, 0.1, accuracy=0.8389), spread)
    assert found.verdict == "wrong"
    assert found.remarks == ("validation accuracy fell from 0.8400 to 0.8389",)
    assert found.accuracy == (0.84, 0.8389)


@pytest.mark.parametrize(
    ("base", "candidate"), [(0.84, 0.8391), (0.8, 0.9), (None, 0.1), (0.9, None)]
)
def test_an_accuracy_within_a_thousandth_or_unknown_is_no_fault(base, candidate):
    found = compared(series(accuracy=base), series(accuracy=candidate), STILL)
    assert (found.verdict, found.remarks) == ("no change", ())


def test_a_missing_case_that_failed_where_it_is_has_failed_and_is_called_missing_too():
    bad = series("a", 1.0, faults=("failed: no",))
    assert compared(None, bad).verdict == compared(bad, None).verdict == "failed"
    assert compared(None, bad).remarks == ("candidate: failed: no (1 of 1)", "missing in baseline")
    assert compared(bad, None).remarks == ("baseline: failed: no (1 of 1)", "missing in candidate")


def test_what_is_unavailable_is_missing_where_the_other_side_has_it():
    absent = series("a", processes=(), tried=1, faults=("unavailable: none",), unavailable=True)
    for found in (compared(absent, absent), compared(absent, absent, STILL)):
        assert found.verdict == "unavailable"
        assert len(found.remarks) == 2
    assert compared(series(), absent).verdict == "missing in candidate"
    assert compared(absent, series()).verdict == "missing in baseline"
    assert compared(absent, None).verdict == "missing in candidate"
    assert compared(None, absent).verdict == "missing in baseline"
    failed = series(faults=("failed: no",))
    assert compared(absent, failed).verdict == compared(failed, absent).verdict == "failed"


def test_unequal_rounds_are_said_and_do_not_decide():
    found = compared(series("a", *[1.0] * 5), series("a", *[1.0] * 3), STILL)
    assert found.verdict == "no change"
    assert found.remarks == ("unequal rounds: 5 in the baseline, 3 in the candidate",)


def test_cases_keep_the_order_of_the_baseline_and_those_it_lacks_come_last():
    base, candidate = side(series("b"), series("a")), side(series("c"), series("a"), series("b"))
    found = compare(base, candidate, lambda _: None)
    assert [each.name for each in found] == ["b", "a", "c"]
    assert compare(side(), side()) == []


def test_each_case_is_held_against_its_own_calibration():
    base = side(series("a"), series("b"))
    candidate = side(series("a", 1.1, 1.1), series("b", 1.1, 1.1))
    found = compare(base, candidate, {"a": STILL, "b": KNOWN}.get)
    assert [each.verdict for each in found] == ["slower", "undecided"]


# ----- sides that cannot be compared


def results(base, candidate, *, across_machines=False):
    options = CompareOptions(rule=RULE, between_runs=0.2, across_machines=across_machines)
    return compare_runs(base, candidate, lambda _: STILL, options)


@pytest.mark.parametrize(
    "machines", [("here", "there"), ("here", None), (None, "here"), (None, None)]
)
def test_runs_of_unknown_or_different_machines_are_refused(machines):
    base, candidate = (
        side(series("a", *[time] * 2), machine=machine)
        for time, machine in zip((1.0, 1.1), machines, strict=True)
    )
    refused = results(base, candidate)
    assert (refused.exit_status, refused.cases, refused.same_machine) == (4, [], False)
    assert "--across-machines" in refused.refusal
    # A calibration says nothing about two machines.
    anyway = results(base, candidate, across_machines=True)
    assert (anyway.refusal, anyway.same_machine) == (None, False)
    assert [case.verdict for case in anyway.cases] == ["undecided"]
    same = results(base, side(series("a", 1.1, 1.1), machine=base.machine))
    assert [case.verdict for case in same.cases] == (["slower"] if base.machine else [])


@pytest.mark.parametrize("across", [True, False])
def test_runs_with_different_data_are_refused(across):
    refused = results(side(series(), data="a"), side(series(), data="b"), across_machines=across)
    assert (refused.exit_status, refused.cases) == (4, [])
    for base, candidate in (("a", "a"), (None, "a"), ("a", None), (None, None)):
        accepted = results(side(series(), data=base), side(series(), data=candidate))
        assert (accepted.exit_status, accepted.refusal) == (0, None)


def test_runs_without_a_case_are_refused():
    assert results(side(), side()).exit_status == 4


def test_missing_case_is_required_and_a_case_unavailable_on_both_sides_is_not():
    absent = series("b", processes=(), tried=1, faults=("unavailable: no",), unavailable=True)
    assert results(side(series(), absent), side(series(), absent)).exit_status == 0
    assert results(side(absent), side(absent)).exit_status == 4
    assert results(side(series(), series("b")), side(series())).exit_status == 4
    assert results(side(series(), series("b")), side(series(), absent)).exit_status == 4


# ----- published runs


DEFAULT = 0.2  # of --between-runs


@pytest.fixture(scope="module")
def published():
    """Two runs hours apart on one machine, with nothing changed in between."""
    return [load_side(REFERENCE / f"amd-epyc-2-cores-{name}") for name in ("first", "second")]


def test_nothing_that_was_measured_in_five_processes_differs_between_two_published_runs(published):
    found = compare(*published, between_runs=DEFAULT)
    several = [each for each in found if min(each.processes) >= 5]
    assert len(several) == 13
    assert {each.verdict for each in several} == {"undecided"}
    ratios = [each.metrics[0].ratio.mean for each in several]
    assert 1.08 < max(ratios) < 1.09
    assert 0.97 < min(ratios) < 0.98


def test_single_processes_of_published_runs_differ_by_more_and_say_so(published):
    found = compare(*published, between_runs=DEFAULT)
    called = [each for each in found if each.verdict in {"slower", "faster"}]
    assert {each.processes for each in called} == {(1, 1)}
    assert all(SINGLE_PROCESS in each.remarks for each in called)
    assert {each.name for each in found if each.verdict == "unavailable"} == {
        f"textbook-{name}-cpu-b32-t2-n48000" for name in ("sklearn-softmax", "sklearn-sgd")
    }


def test_what_two_runs_see_is_the_level_of_the_test_and_of_the_power_in_deviations():
    # 2.7638 is Student's quantile 0.99 of ten degrees of freedom, 1.6449 the normal one of 0.95.
    found = detectable_slowdown(Spread(0.01, 0.0, 0.05, 11), (5, 5), Rule(alpha=0.01))
    assert found == pytest.approx(math.expm1((2.7638 + 1.6449) * 0.05 * math.sqrt(2)), rel=1e-3)
    more = detectable_slowdown(Spread(0.01, 0.03, 0.05, 11), (5, 5), Rule(alpha=0.01))
    fewer_alarms = detectable_slowdown(
        Spread(0.01, 0.0, 0.05, 11), (5, 5), Rule(alpha=0.01, family=4)
    )
    assert found < min(more, fewer_alarms)
