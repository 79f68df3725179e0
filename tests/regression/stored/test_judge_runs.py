"""The comparison of stored runs, with constants worked out by hand."""

import math
from pathlib import Path

import pytest
from support.comparisons import RULE
from support.comparisons import stored_series as series
from support.comparisons import stored_side as side

from bench.analysis.intervals import Interval
from bench.regression.calibration.spread import Spread
from bench.regression.stats.decision import Rule
from bench.regression.stored.judge_runs import (
    SINGLE_PROCESS,
    CompareOptions,
    compare_ratio,
    compare_runs,
    detectable_slowdown,
)
from bench.regression.stored.sides import load_side

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
# Deviation of two runs of two processes each: sqrt(0.03² (1/2 + 1/2) + 2 · 0.04²) = 0.0640312.
KNOWN = Spread(epochs=0.5, processes=0.03, blocks=0.04, count=3)
# So small that 2 % are many deviations.
STILL = Spread(epochs=0.5, processes=0.0005, blocks=0.0005, count=50)


def compare(base, candidate, find_spread=None, *, rule=RULE, between_runs=0.2, **options):
    """Return the cases of two sides."""
    options = CompareOptions(rule=rule, between_runs=between_runs, **options)
    return compare_runs(base, candidate, find_spread, options).cases


def compared(base, candidate, spread=None, **options):
    """Return the comparison of one case. spread: of its calibration, if any."""
    sides = side(base) if base else side(), side(candidate) if candidate else side()
    (case,) = compare(*sides, lambda _: spread, **options)
    return case


def student(p):
    """Return the quantile of Student's t with two degrees of freedom, in closed form."""
    return (1 - 2 * p) / math.sqrt(2 * p * (1 - p))


def test_time_is_the_geometric_mean_of_minima():
    result = compared(series("a", (3.0, 1.0, 2.0), (4.0, 5.0, 9.0)), series("a", (3.0, 3.0, 3.0)))
    assert (result.metrics[0].baseline, result.metrics[0].candidate) == pytest.approx((2.0, 3.0))
    assert result.metrics[0].ratio == Interval(pytest.approx(1.5))
    assert result.processes == (2, 1)
    assert result.epochs == 3


@pytest.mark.parametrize("turned", [False, True])
def test_minima_use_equally_many_epochs(turned):
    # The third epoch of the long process is the shortest, but does not count.
    short, long = series("a", (2.0, 1.0), (1.0, 2.0)), series("a", (1.0, 1.0, 0.1), (1.0, 1.0))
    result = compared(*((long, short) if turned else (short, long)))
    assert result.metrics[0].ratio.mean == pytest.approx(1)
    assert result.epochs == 2
    assert len(result.remarks) == 1


def test_ratio_test_by_hand():
    # ln 1.1 = 0.0953102, which is 1.48850 deviations. With 3 - 1 = 2 degrees of freedom
    # F(t) = 1/2 + t / (2 sqrt(2 + t²)), so that p = 1/2 - 1.48850 / (2 · 2.05320) = 0.137518;
    # the quantile of 0.99 is 0.98 / sqrt(2 · 0.99 · 0.01) = 6.96456, half an interval 0.445949.
    result = compare_ratio(1.1, KNOWN, (2, 2), 0.01)
    assert result.p_slower == pytest.approx(0.137518, abs=1e-6)
    assert result.p_faster == pytest.approx(0.862482, abs=1e-6)
    assert result.ratio.mean == 1.1
    assert result.ratio.low == pytest.approx(1.1 / 1.561971, rel=1e-5)
    assert result.ratio.high == pytest.approx(1.1 * 1.561971, rel=1e-5)
    assert result.pairs == 2


def test_ratio_test_uses_the_processes_of_each_side():
    # 0.03² (1/1 + 1/4) + 2 · 0.04² = 0.004325, whose root is 0.0657647.
    result = compared(series("a", 1.0), series("a", *[1.1] * 4), KNOWN)
    t = math.log(1.1) / 0.0657647
    p = 0.5 - t / (2 * math.sqrt(2 + t * t))
    assert result.metrics[0].p_slower == pytest.approx(p, abs=1e-5)
    assert result.metrics[0].p_faster == pytest.approx(1 - p, abs=1e-5)
    assert (result.deviation, result.blocks) == (pytest.approx(0.0657647, abs=1e-6), 3)


def test_very_wide_interval_has_no_bounds():
    wide = Spread(epochs=0.1, processes=1.0, blocks=1.0, count=2)
    result = compare_ratio(1.5, wide, (5, 5), 0.001)
    assert result.ratio == Interval(1.5)
    assert 0.4 < result.p_slower < 0.5


def test_zero_spread_is_not_tested():
    none = Spread(epochs=0.0, processes=0.0, blocks=0.0, count=5)
    with pytest.raises(ValueError, match="no spread"):
        compare_ratio(1.1, none, (2, 2), 0.01)
    result = compared(series(), series("a", 1.1, 1.1), none)
    assert (result.verdict, result.deviation) == ("undecided", None)


@pytest.mark.parametrize(
    ("ratio", "spread", "outcome"),
    [
        (1.03, STILL, "slower"),
        (1 / 1.03, STILL, "faster"),
        (1.01, STILL, "no change"),
        (1.0, STILL, "no change"),
        (1 / 1.01, STILL, "no change"),
        # Significant, but within the tolerance.
        (1.0195, STILL, "undecided"),
        (1.1, KNOWN, "undecided"),
        # With a calibration, size alone decides nothing.
        (1.3, KNOWN, "undecided"),
        (1 / 1.3, KNOWN, "undecided"),
        (1.6, KNOWN, "slower"),
        (1 / 1.6, KNOWN, "faster"),
    ],
)
def test_calibrated_case_is_judged_by_its_spread(ratio, spread, outcome):
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
def test_uncalibrated_case_needs_a_large_ratio(ratio, outcome):
    base = series("a", *[0.5] * 5)
    result = compared(base, series("a", *[0.5 * ratio] * 5))
    assert result.verdict == outcome
    assert result.metrics[0].ratio == Interval(pytest.approx(ratio))
    assert (result.deviation, result.remarks) == (None, ())


def test_spread_within_a_run_does_not_count():
    base, candidate = (series("a", *[(item, item)] * 30) for item in (1.0, 1.19))
    assert compared(base, candidate).verdict == "undecided"
    wild = series("a", *[0.5, 5.0] * 10)
    assert compared(series("a", 1.0, 1.0), wild).verdict == "slower"


def test_between_runs_is_at_least_the_tolerance():
    base, candidate = series(), series("a", 1.05, 1.05)
    assert compared(base, candidate, between_runs=0.04).verdict == "slower"
    assert compared(base, candidate, between_runs=0.06).verdict == "undecided"
    loose = Rule(tolerance=0.06)
    assert compared(base, candidate, between_runs=0.04, rule=loose).verdict == "undecided"


@pytest.mark.parametrize("processes", [(1, 3), (3, 1), (1, 1)])
def test_single_process_is_remarked(processes):
    one, other = processes
    base = series("a", *[1.0] * one)
    far = compared(base, series("a", *[1.5] * other))
    assert far.verdict == "slower"
    assert SINGLE_PROCESS in far.remarks
    assert SINGLE_PROCESS not in compared(base, series("a", *[1.1] * other)).remarks
    assert SINGLE_PROCESS not in compared(base, series("a", *[9.0] * other), STILL).remarks


def judge_p_values(*ps, spread=KNOWN, uncalibrated=0):
    """Return the verdicts on cases with these p values, and on uncalibrated ones."""
    deviation = KNOWN.ratio_deviation(2, 2)
    ratios = [math.exp(student(p) * deviation) for p in ps] + [1.1] * uncalibrated
    names = [f"case {number}" for number in range(len(ratios))]
    base = side(*(series(name) for name in names))
    candidate = side(*(series(name, one, one) for name, one in zip(names, ratios, strict=True)))
    result = compare(
        base, candidate, lambda name: spread if name in names[: len(ps)] else None, between_runs=0.5
    )
    return [item.verdict for item in result], result


def test_calibrated_cases_are_one_family():
    assert judge_p_values(0.009)[0] == ["slower"]
    assert judge_p_values(0.009, 0.5)[0] == ["undecided", "undecided"]
    # Holm: the smaller p must be at most 0.01 / 2, the other one 0.01.
    assert judge_p_values(0.004, 0.009)[0] == ["slower", "slower"]
    assert judge_p_values(0.004, 0.009, 0.5)[0] == ["undecided"] * 3


def test_uncalibrated_case_is_outside_the_family():
    outcomes, result = judge_p_values(0.004, 0.009, uncalibrated=3)
    assert outcomes == ["slower", "slower", *["undecided"] * 3]
    # Half an interval is the quantile at 0.01 / 2.
    half = math.log(result[0].metrics[0].ratio.high / result[0].metrics[0].ratio.mean)
    assert half == pytest.approx(student(0.005) * KNOWN.ratio_deviation(2, 2))


def test_failed_case_is_outside_the_family():
    sides = [
        side(series("a"), series("b")),
        side(series("a", 1.9, 1.9), series("b", faults=("failed: no",))),
    ]
    result = {item.name: item for item in compare(*sides, lambda _: KNOWN)}
    half = math.log(result["a"].metrics[0].ratio.high / result["a"].metrics[0].ratio.mean)
    assert half == pytest.approx(student(0.01) * KNOWN.ratio_deviation(2, 2))
    assert (result["b"].verdict, result["b"].deviation) == ("failed", None)


@pytest.mark.parametrize("spread", [None, STILL])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_case_on_one_side_only_is_missing(ratio, spread):
    single = series("a", ratio)
    assert compared(single, None, spread).verdict == "missing in candidate"
    assert compared(None, single, spread).verdict == "missing in baseline"
    assert compared(None, single, spread).metrics == ()


@pytest.mark.parametrize("spread", [None, STILL])
def test_one_failed_process_fails_the_case(spread):
    good = series("a", 1.0, 1.0, 1.0)
    bad = series("a", 1.0, 1.0, tried=3, faults=("timeout: took  10 s\n",))
    result = compared(good, bad, spread)
    assert (result.verdict, result.remarks) == (
        "failed",
        ("candidate: timeout: took 10 s (1 of 3)",),
    )
    assert (result.processes, result.tried) == ((3, 2), (3, 3))
    result = compared(bad, good, spread)
    assert (result.verdict, result.remarks) == (
        "failed",
        ("baseline: timeout: took 10 s (1 of 3)",),
    )
    assert result.metrics == ()


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
def test_impossible_times_fail_the_case(times):
    odd = series("a", processes=times)
    for result in (compared(series(), odd, STILL), compared(odd, series(), STILL)):
        assert result.verdict == "failed"
        assert len(result.remarks) >= 1
        assert result.metrics == ()


@pytest.mark.parametrize("spread", [None, STILL])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_wrong_candidate_is_wrong_whatever_its_time(ratio, spread):
    wrong = series("a", ratio, ratio, wrong="failed: off by 1", faults=("failed: off by 1",))
    result = compared(series(), wrong, spread)
    assert (result.verdict, result.remarks) == ("wrong", ("candidate: failed: off by 1 (1 of 2)",))
    assert compared(None, wrong, spread).verdict == "wrong"
    assert compared(wrong, wrong, spread).verdict == "wrong"
    assert compared(wrong, series(), spread).verdict == "failed"
    assert compared(wrong, None, spread).verdict == "failed"


def test_wrong_result_is_remarked():
    result = compared(series(), series("a", wrong="off\nby 1"))
    assert (result.verdict, result.remarks) == ("wrong", ("candidate: off by 1",))


@pytest.mark.parametrize("spread", [None, STILL])
def test_accuracy_loss_is_wrong_whatever_the_time(spread):
    result = compared(series(accuracy=0.84), series("a", 0.1, 0.1, accuracy=0.8389), spread)
    assert result.verdict == "wrong"
    assert result.remarks == ("validation accuracy fell from 0.8400 to 0.8389",)
    assert result.accuracy == (0.84, 0.8389)


@pytest.mark.parametrize(
    ("base", "candidate"), [(0.84, 0.8391), (0.8, 0.9), (None, 0.1), (0.9, None)]
)
def test_small_or_unknown_accuracy_loss_passes(base, candidate):
    result = compared(series(accuracy=base), series(accuracy=candidate), STILL)
    assert (result.verdict, result.remarks) == ("no change", ())


def test_missing_case_that_failed_is_failed():
    bad = series("a", 1.0, faults=("failed: no",))
    assert compared(None, bad).verdict == compared(bad, None).verdict == "failed"
    assert compared(None, bad).remarks == ("candidate: failed: no (1 of 1)", "missing in baseline")
    assert compared(bad, None).remarks == ("baseline: failed: no (1 of 1)", "missing in candidate")


def test_case_unavailable_on_one_side_is_missing():
    absent = series("a", processes=(), tried=1, faults=("unavailable: none",), unavailable=True)
    for result in (compared(absent, absent), compared(absent, absent, STILL)):
        assert result.verdict == "unavailable"
        assert len(result.remarks) == 2
    assert compared(series(), absent).verdict == "missing in candidate"
    assert compared(absent, series()).verdict == "missing in baseline"
    assert compared(absent, None).verdict == "missing in candidate"
    assert compared(None, absent).verdict == "missing in baseline"
    failed = series(faults=("failed: no",))
    assert compared(absent, failed).verdict == compared(failed, absent).verdict == "failed"


def test_unequal_rounds_are_remarked():
    result = compared(series("a", *[1.0] * 5), series("a", *[1.0] * 3), STILL)
    assert result.verdict == "no change"
    assert result.remarks == ("unequal rounds: 5 in the baseline, 3 in the candidate",)


def test_cases_are_in_baseline_order():
    base, candidate = side(series("b"), series("a")), side(series("c"), series("a"), series("b"))
    result = compare(base, candidate, lambda _: None)
    assert [item.name for item in result] == ["b", "a", "c"]
    assert compare(side(), side()) == []


def test_each_case_uses_its_own_calibration():
    base = side(series("a"), series("b"))
    candidate = side(series("a", 1.1, 1.1), series("b", 1.1, 1.1))
    result = compare(base, candidate, {"a": STILL, "b": KNOWN}.get)
    assert [item.verdict for item in result] == ["slower", "undecided"]


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


def test_only_comparable_cases_are_required():
    absent = series("b", processes=(), tried=1, faults=("unavailable: no",), unavailable=True)
    assert results(side(series(), absent), side(series(), absent)).exit_status == 0
    assert results(side(absent), side(absent)).exit_status == 4
    assert results(side(series(), series("b")), side(series())).exit_status == 4
    assert results(side(series(), series("b")), side(series(), absent)).exit_status == 4


DEFAULT = 0.2  # of --between-runs


@pytest.fixture(scope="module")
def published():
    """Two runs hours apart on one machine, with nothing changed in between."""
    return [load_side(REFERENCE / f"amd-epyc-2-cores-{name}") for name in ("first", "second")]


def test_published_runs_of_five_processes_are_undecided(published):
    result = compare(*published, between_runs=DEFAULT)
    several = [item for item in result if min(item.processes) >= 5]
    assert len(several) == 13
    assert {item.verdict for item in several} == {"undecided"}
    ratios = [item.metrics[0].ratio.mean for item in several]
    assert 1.08 < max(ratios) < 1.09
    assert 0.97 < min(ratios) < 0.98


def test_detectable_slowdown_of_runs_by_hand():
    # 2.7638 is Student's quantile 0.99 of ten degrees of freedom, 1.6449 the normal one of 0.95.
    result = detectable_slowdown(Spread(0.01, 0.0, 0.05, 11), (5, 5), Rule(alpha=0.01))
    assert result == pytest.approx(math.expm1((2.7638 + 1.6449) * 0.05 * math.sqrt(2)), rel=1e-3)
    more = detectable_slowdown(Spread(0.01, 0.03, 0.05, 11), (5, 5), Rule(alpha=0.01))
    fewer_alarms = detectable_slowdown(
        Spread(0.01, 0.0, 0.05, 11), (5, 5), Rule(alpha=0.01, family=4)
    )
    assert result < min(more, fewer_alarms)
