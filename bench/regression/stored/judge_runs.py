"""Compare two stored runs, with the spread between runs that calibrating measured.

The processes of one run share its minutes, so their spread says nothing about the spread between
runs. A difference between runs is therefore tested against the spread between blocks of a
calibration. Without a calibration only a large ratio is called a difference.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean

from bench.analysis.intervals import Interval
from bench.regression.calibration.spread import Spread
from bench.regression.result import (
    CaseComparison,
    CaseVerdict,
    ComparedVersion,
    ComparisonResult,
    MetricComparison,
    describe_accuracy_loss,
)
from bench.regression.stats.decision import Rule, Verdict, decide_all
from bench.regression.stats.signed_rank import Difference
from bench.regression.stored.sides import Series, Side

# Seconds that a time can have: a thousandth of a clock's tick, and thirty years. Beyond, ratios may
# overflow.
SHORTEST, LONGEST = 1e-12, 1e9
# The largest half width of an interval of logarithms; a wider one has no bounds.
MAX_HALF_WIDTH = 50.0

SINGLE_PROCESS = "one process on a side and no calibration: the ratio may be off by more than 20 %"

FindSpread = Callable[[str], Spread | None]  # by the slug of a case


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How stored runs are compared.

    rule: its family is replaced by the number of calibrated cases. between_runs: share; without a
    calibration a ratio above 1 + between_runs is slower. across_machines: compare runs of different
    or unknown machines, too. fail_on: see ``ComparisonResult``.
    """

    rule: Rule
    between_runs: float
    across_machines: bool = False
    fail_on: tuple[str, ...] = ()


def compare_runs(
    baseline: Side, candidate: Side, find_spread: FindSpread | None, options: CompareOptions
) -> ComparisonResult:
    """Compare two sides case by case, or refuse if their data or machines differ.

    Cases are in the order of the baseline, then those that it lacks. find_spread: of the calibrated
    machine; ignored for different machines, of which a calibration says nothing.
    """
    same_machine = baseline.machine is not None and baseline.machine == candidate.machine
    rule = options.rule
    cases: list[CaseComparison] = []
    refusal = _find_refusal(baseline, candidate, options, same_machine=same_machine)
    if refusal is None:
        usable = find_spread if same_machine else None
        rule, cases = _compare_cases(baseline, candidate, usable, options)
    return ComparisonResult(
        command="bench compare",
        baseline=ComparedVersion(baseline.name, baseline.machine, baseline.software),
        candidate=ComparedVersion(candidate.name, candidate.machine, candidate.software),
        rule=rule,
        cases=cases,
        same_machine=same_machine,
        between_runs=options.between_runs,
        refusal=refusal,
        fail_on=options.fail_on,
    )


def _find_refusal(
    baseline: Side, candidate: Side, options: CompareOptions, *, same_machine: bool
) -> str | None:
    if None not in (baseline.data, candidate.data) and baseline.data != candidate.data:
        return "the two were measured on different data: there is nothing to compare"
    if not (baseline.series or candidate.series):
        return "neither run has a case: there is nothing to compare"
    if options.across_machines or same_machine:
        return None
    reason = "the two were measured on different machines"
    if None in (baseline.machine, candidate.machine):
        reason = "nothing says whether the two were measured on one machine"
    return f"{reason}: there is nothing to compare. --across-machines compares them anyway"


def _compare_cases(
    baseline: Side, candidate: Side, find_spread: FindSpread | None, options: CompareOptions
) -> tuple[Rule, list[CaseComparison]]:
    """Return the comparisons of all cases, and the rule with its family."""
    names = dict.fromkeys((*baseline.series, *candidate.series))
    cases = [
        _match_case(name, baseline.series.get(name), candidate.series.get(name)) for name in names
    ]
    spreads: dict[str, Spread] = {}
    for case in cases:
        undecided = case.verdict == "undecided"
        spread = find_spread(case.case) if find_spread is not None and undecided else None
        # Against a spread of 0 everything would be significant.
        if spread is not None and spread.ratio_deviation(*case.processes) > 0:
            spreads[case.case] = spread
    rule = replace(options.rule, family=max(1, len(spreads)))
    differences = {
        case.case: compare_ratio(
            case.metrics[0].ratio.mean, spreads[case.case], case.processes, rule.alpha_per_test
        )
        for case in cases
        if case.case in spreads
    }
    verdicts = decide_all(differences, rule)
    margin = 1 + max(options.between_runs, rule.tolerance)
    judged = [
        _add_test(case, differences[case.case], spreads[case.case], verdicts[case.case], rule)
        if case.case in spreads
        else _decide_uncalibrated(case, margin)
        for case in cases
    ]
    return rule, judged


def _add_test(
    case: CaseComparison, difference: Difference, spread: Spread, verdict: Verdict, rule: Rule
) -> CaseComparison:
    epoch = replace(
        case.metrics[0],
        ratio=difference.ratio,
        p_slower=difference.p_slower,
        p_faster=difference.p_faster,
        verdict=verdict,
    )
    return replace(
        case,
        verdict=verdict,
        metrics=(epoch,),
        deviation=spread.ratio_deviation(*case.processes),
        blocks=spread.count,
        detectable=detectable_slowdown(spread, case.processes, rule),
    )


def _decide_uncalibrated(case: CaseComparison, margin: float) -> CaseComparison:
    """Decide a case without a calibration: only a ratio beyond the margin is a difference."""
    if case.verdict != "undecided":
        return case
    ratio = case.metrics[0].ratio.mean
    verdict: Verdict = "undecided"
    if not 1 / margin <= ratio <= margin:
        verdict = "slower" if ratio > margin else "faster"
    remarks = case.remarks
    if verdict != "undecided" and min(case.processes) == 1:
        remarks = (*remarks, SINGLE_PROCESS)
    epoch = replace(case.metrics[0], verdict=verdict)
    return replace(case, verdict=verdict, metrics=(epoch,), remarks=remarks)


def compare_ratio(
    ratio: float, spread: Spread, processes: tuple[int, int], alpha: float
) -> Difference:
    """Test a ratio of two runs against the spread between runs: Student's t on the logarithm.

    It has one degree of freedom less than the spread has blocks. processes: of each run. alpha:
    false-alarm rate of each side of the interval. Raises ValueError for a spread of 0.
    """
    from scipy.stats import t

    log, deviation = math.log(ratio), spread.ratio_deviation(*processes)
    freedom = spread.count - 1
    if not deviation > 0:
        raise ValueError("no spread, no difference")
    half = float(t.isf(alpha, freedom)) * deviation
    bounds = (math.exp(log - half), math.exp(log + half)) if half < MAX_HALF_WIDTH else (None, None)
    return Difference(
        min(processes),
        Interval(ratio, *bounds),
        p_slower=float(t.sf(log / deviation, freedom)),
        p_faster=float(t.cdf(log / deviation, freedom)),
    )


def detectable_slowdown(
    spread: Spread, processes: tuple[int, int], rule: Rule, power: float = 0.95
) -> float:
    """Return the slowdown, as a share, that two such runs detect with this probability.

    By the test of ``compare_ratio``, with a normal distribution of the runs.
    """
    from scipy.stats import norm, t

    level = float(t.isf(rule.alpha_per_test, spread.count - 1)) + float(norm.isf(1 - power))
    return math.expm1(level * spread.ratio_deviation(*processes))


def _match_case(name: str, base: Series | None, candidate: Series | None) -> CaseComparison:
    """Compare all but times; a case whose times can be compared is "undecided" and has a ratio."""
    base_faults, candidate_faults = _list_faults(base), _list_faults(candidate)
    remarks = (
        *_describe_faults(base, base_faults, "baseline"),
        *_describe_faults(candidate, candidate_faults, "candidate"),
    )
    wrong = candidate.wrong if candidate else None
    if candidate is not None and wrong is not None and wrong not in candidate.faults:
        remarks = (*remarks, f"candidate: {' '.join(wrong.split())}")
    accuracy = (base.accuracy if base else None, candidate.accuracy if candidate else None)
    loss = describe_accuracy_loss(accuracy)
    failed = any(
        side is not None and faults and not side.unavailable
        for side, faults in ((base, base_faults), (candidate, candidate_faults))
    )
    absent = [side is None or side.unavailable for side in (base, candidate)]
    verdict: CaseVerdict = "undecided"
    if wrong is not None or loss is not None:
        verdict = "wrong"
    elif failed:
        verdict = "failed"
    elif absent == [True, True]:
        verdict = "unavailable"
    elif any(absent):
        verdict = "missing in baseline" if absent[0] else "missing in candidate"
    if base is None or candidate is None:
        missing: CaseVerdict = "missing in baseline" if base is None else "missing in candidate"
        if verdict not in {"wrong", "failed"}:
            verdict = missing
        else:
            remarks = (*remarks, missing)
        return CaseComparison(name, name, verdict, remarks=remarks, required=True)
    case = CaseComparison(
        name,
        name,
        verdict,
        remarks=(*remarks, *((loss,) if loss else ())),
        accuracy=accuracy,
        required=verdict != "unavailable",
        processes=(len(base.processes), len(candidate.processes)),
        tried=(base.tried, candidate.tried),
    )
    if not (base_faults or candidate_faults):
        case = _compare_times(case, base, candidate)
    if base.tried != candidate.tried:
        unequal = (
            f"unequal rounds: {base.tried} in the baseline, {candidate.tried} in the candidate"
        )
        case = replace(case, remarks=(*case.remarks, unequal))
    return case


def _list_faults(series: Series | None) -> tuple[str, ...]:
    """Return what failed, including times that are no times."""
    if series is None or series.faults:
        return series.faults if series else ()
    if not series.processes:
        return ("no process succeeded",)
    valid = all(
        process and all(SHORTEST <= seconds <= LONGEST for seconds in process)
        for process in series.processes
    )
    return () if valid else ("failed: a process has no times, or an impossible one",)


def _describe_faults(series: Series | None, faults: tuple[str, ...], side: str) -> tuple[str, ...]:
    """Return each fault of one side once, with how often it occurred."""
    tried = series.tried if series else 0
    return tuple(
        f"{side}: {' '.join(fault.split())} ({faults.count(fault)} of {tried})"
        for fault in dict.fromkeys(faults)
    )


def _compare_times(case: CaseComparison, base: Series, candidate: Series) -> CaseComparison:
    """Add the ratio of the geometric means of each process's minimum.

    Every process counts with the same number of epochs: a minimum over more samples is biased low.
    """
    lengths = [len(process) for process in (*base.processes, *candidate.processes)]
    epochs = min(lengths)
    logs = [
        fmean(math.log(min(process[:epochs])) for process in side.processes)
        for side in (base, candidate)
    ]
    epoch = MetricComparison(
        "epoch",
        "seconds",
        baseline=math.exp(logs[0]),
        candidate=math.exp(logs[1]),
        ratio=Interval(math.exp(logs[1] - logs[0])),
    )
    remarks = case.remarks
    if epochs < max(lengths):
        remarks = (
            *remarks,
            f"only the first {epochs} of up to {max(lengths)} epochs were compared",
        )
    return replace(case, epochs=epochs, metrics=(epoch,), remarks=remarks)
