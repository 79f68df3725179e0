"""Compare two stored runs, with the spread between runs that calibrating measured.

The processes of one run share its minutes, so their spread says nothing about the spread between
runs. A difference between runs is therefore tested against the spread between hours of a
calibration. Without a calibration only a large ratio is called a difference, and none where one
side has a single process: two runs of one version differed by 78 % in such a case.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from scipy.stats import norm, t

from bench.analysis.intervals import Interval
from bench.records.files import is_file_name
from bench.regression.result import (
    CaseComparison,
    CaseVerdict,
    ComparisonResult,
    MetricComparison,
    Sides,
    describe_accuracy_loss,
)
from bench.regression.stats.decision import Rule, Verdict, decide_all
from bench.regression.stats.power import POWER
from bench.regression.stats.signed_rank import Difference
from bench.regression.stored.calibrations import (
    Calibrations,
    Spread,
    load_calibrations,
    locate_calibrations,
)
from bench.regression.stored.sides import Side, StoredCase, load_side

# The largest half width of an interval of logarithms; a wider one has no bounds.
MAX_HALF_WIDTH = 50.0

# The share above which a ratio is a difference without a calibration. Two runs of one machine hours
# apart, with nothing changed, differed by up to 16 % in medians of five processes
# (docs/methodology.md). Single processes differ by more.
BETWEEN_RUNS = 0.2

SINGLE_PROCESS = "one process on a side and no calibration: measure with --rounds 5 to compare"

# By the slug of a case and the number of epochs of each process that are compared.
FindSpread = Callable[[str, int], Spread | None]
Processes = Sequence[Sequence[float]]  # seconds of the epochs of each


def compare_folders(
    baseline: Path, candidate: Path, rule: Rule, *, across_machines: bool
) -> tuple[ComparisonResult, Sequence[str]]:
    """Compare two stored runs; return the result, and why calibrations were left out.

    Raises UserError for a folder that cannot be read.
    """
    sides, calibrations = (load_side(baseline), load_side(candidate)), Calibrations()
    # The id is a record's: it must not lead out of the folder of calibrations.
    if (machine := sides[0].machine) and is_file_name(machine):
        calibrations = load_calibrations(locate_calibrations(machine), machine)
    result = compare_runs(*sides, calibrations.spread, rule=rule, across_machines=across_machines)
    return result, calibrations.faults


def compare_runs(
    baseline: Side,
    candidate: Side,
    find_spread: FindSpread | None,
    *,
    rule: Rule,
    across_machines: bool = False,
) -> ComparisonResult:
    """Compare two sides case by case, or refuse if their data or machines differ.

    Cases are in the order of the baseline, then those that it lacks. find_spread: of the calibrated
    machine; ignored for different machines, of which a calibration says nothing. rule: its family
    is replaced by the number of calibrated cases. across_machines: compare runs of different or
    unknown machines, too.
    """
    same_machine = baseline.machine is not None and baseline.machine == candidate.machine
    comparable = same_machine or across_machines
    refusal = _find_refusal(baseline, candidate, comparable=comparable)
    cases: list[CaseComparison] = []
    if refusal is None:
        cases = [
            _compare_case(slug, baseline.cases.get(slug), candidate.cases.get(slug))
            for slug in dict.fromkeys((*baseline.cases, *candidate.cases))
        ]
        rule, cases = _judge_times(cases, find_spread if same_machine else None, rule)
    return ComparisonResult(
        command="softmax-bench compare",
        baseline=baseline,
        candidate=candidate,
        rule=rule,
        cases=cases,
        same_machine=same_machine,
        between_runs=BETWEEN_RUNS,
        refusal=refusal,
        advice="measure in pairs with `softmax-bench ab`",
    )


def _find_refusal(baseline: Side, candidate: Side, *, comparable: bool) -> str | None:
    if None not in (baseline.data, candidate.data) and baseline.data != candidate.data:
        return "the runs used different data, so they cannot be compared. Choose other runs"
    if baseline.env != candidate.env:
        return (
            "the runs used different --env, so they cannot be compared. To compare two settings, "
            "use softmax-bench ab with --base-env and --candidate-env"
        )
    if not (baseline.cases or candidate.cases):
        return "neither run has measured a case, so they cannot be compared. Choose other runs"
    if comparable:
        return None
    reason = "the runs were measured on different machines"
    if None in (baseline.machine, candidate.machine):
        reason = "the records do not say whether the runs were measured on one machine"
    return f"{reason}, so they are not compared. To compare them anyway, add --across-machines"


def _compare_case(
    name: str, baseline: StoredCase | None, candidate: StoredCase | None
) -> CaseComparison:
    """Compare all but times; a case whose times can be compared is "undecided" and has a ratio.

    baseline, candidate: None where that side lacks the case.
    """
    sides = {"baseline": baseline, "candidate": candidate}
    remarks = [
        f"{side}: {fault} ({case.faults.count(fault)} of {case.row.rounds})"
        for side, case in sides.items()
        if case is not None
        for fault in dict.fromkeys(case.faults)
    ]
    sides_without_case = [side for side, case in sides.items() if case is None]
    unavailable = [side for side, case in sides.items() if case and case.unavailable]
    accuracy: Sides = (
        baseline.row.accuracy.validation if baseline else None,
        candidate.row.accuracy.validation if candidate else None,
    )
    loss = None
    if baseline and candidate and baseline.seeds == candidate.seeds:
        # With other orders the accuracy of one program differs by up to a point.
        loss = describe_accuracy_loss(accuracy)
    verdict: CaseVerdict = "undecided"
    if loss is not None or (candidate is not None and candidate.wrong):
        verdict = "wrong"
    elif any(case and case.faults and not case.unavailable for case in sides.values()):
        verdict = "failed"
    elif len(unavailable) == 2:
        verdict = "unavailable"
    elif absent := sides_without_case or unavailable:
        verdict = "missing in baseline" if absent == ["baseline"] else "missing in candidate"
    if baseline is None or candidate is None:
        if verdict in {"wrong", "failed"}:
            remarks.append(f"missing in {sides_without_case[0]}")
        return CaseComparison(name, name, verdict, remarks=tuple(remarks), required=True)
    tried = (baseline.row.rounds, candidate.row.rounds)
    if loss is not None:
        remarks.append(loss)
    threads = (baseline.row.case.threads, candidate.row.case.threads)
    remarks += [
        f"unequal {what}: {before} in the baseline, {after} in the candidate"
        for what, (before, after) in {"threads": threads, "rounds": tried}.items()
        if before != after
    ]
    case = CaseComparison(
        name,
        name,
        verdict,
        remarks=tuple(remarks),
        accuracy=accuracy,
        required=verdict != "unavailable",
        processes=(len(baseline.processes), len(candidate.processes)),
        tried=tried,
    )
    if baseline.faults or candidate.faults:
        return case
    return _compare_times(case, baseline.processes, candidate.processes)


def _compare_times(
    case: CaseComparison, baseline: Processes, candidate: Processes
) -> CaseComparison:
    """Add the ratio of the geometric means of each process's minimum.

    Every process contributes the same number of epochs: a minimum over more samples is biased low.
    """
    lengths = [len(process) for process in (*baseline, *candidate)]
    epochs = min(lengths)
    before, after = (
        fmean(math.log(min(process[:epochs])) for process in side) for side in (baseline, candidate)
    )
    epoch = MetricComparison(
        "epoch",
        "seconds",
        baseline=math.exp(before),
        candidate=math.exp(after),
        ratio=Interval(math.exp(after - before)),
        statistic="minimum",
    )
    remarks = case.remarks
    if epochs < max(lengths):
        remarks += (f"only the first {epochs} of up to {max(lengths)} epochs were compared",)
    return replace(case, epochs=epochs, metrics=(epoch,), remarks=remarks)


def _judge_times(
    cases: list[CaseComparison], find_spread: FindSpread | None, rule: Rule
) -> tuple[Rule, list[CaseComparison]]:
    """Decide the cases that have a ratio; return them, and the rule with its family."""
    spreads = {}
    for case in cases:
        if case.verdict == "undecided" and find_spread:
            spread = find_spread(case.case, case.epochs)
            # Against a spread of 0 everything would be significant.
            if spread and spread.ratio_deviation(*case.processes) > 0:
                spreads[case.case] = spread
    rule = replace(rule, family=max(1, len(spreads)))
    differences = {
        case.case: compare_ratio(
            case.metrics[0].ratio.mean, spreads[case.case], case.processes, rule.alpha_per_test
        )
        for case in cases
        if case.case in spreads
    }
    verdicts = decide_all(differences, rule)
    margin = 1 + max(BETWEEN_RUNS, rule.tolerance)
    judged = []
    for case in cases:
        if (spread := spreads.get(case.case)) is None:
            judged.append(_decide_uncalibrated(case, margin))
            continue
        difference, verdict = differences[case.case], verdicts[case.case]
        epoch = replace(
            case.metrics[0],
            ratio=difference.ratio,
            p_slower=difference.p_slower,
            p_faster=difference.p_faster,
            verdict=verdict,
        )
        judged.append(
            replace(
                case,
                verdict=verdict,
                metrics=(epoch,),
                deviation=spread.ratio_deviation(*case.processes),
                hours=spread.hours,
                detectable=find_detectable_slowdown(spread, case.processes, rule),
            )
        )
    return rule, judged


def _decide_uncalibrated(case: CaseComparison, margin: float) -> CaseComparison:
    """Decide a case without a calibration: only a ratio beyond the margin is a difference."""
    if case.verdict != "undecided":
        return case
    ratio = case.metrics[0].ratio.mean
    verdict: Verdict = "undecided"
    remarks = case.remarks
    if not 1 / margin <= ratio <= margin:
        if min(case.processes) == 1:
            remarks += (SINGLE_PROCESS,)
        else:
            verdict = "slower" if ratio > margin else "faster"
    epoch = replace(case.metrics[0], verdict=verdict)
    return replace(case, verdict=verdict, metrics=(epoch,), remarks=remarks)


def compare_ratio(
    ratio: float, spread: Spread, processes: tuple[int, int], alpha: float
) -> Difference:
    """Test a ratio of two runs against the spread between runs: Student's t on the logarithm.

    It has one degree of freedom less than the spread has hours. processes: of each run. alpha:
    false-alarm rate of each side of the interval.
    """
    log, deviation = math.log(ratio), spread.ratio_deviation(*processes)
    freedom = spread.hours - 1
    half = float(t.isf(alpha, freedom)) * deviation
    bounds = (math.exp(log - half), math.exp(log + half)) if half < MAX_HALF_WIDTH else (None, None)
    return Difference(
        min(processes),
        Interval(ratio, *bounds),
        p_slower=float(t.sf(log / deviation, freedom)),
        p_faster=float(t.cdf(log / deviation, freedom)),
    )


def find_detectable_slowdown(spread: Spread, processes: tuple[int, int], rule: Rule) -> float:
    """Return the slowdown, as a share, that two such runs detect with probability POWER.

    By the test of ``compare_ratio``, with a normal distribution of the runs.
    """
    level = float(t.isf(rule.alpha_per_test, spread.hours - 1)) + float(norm.isf(1 - POWER))
    return math.expm1(level * spread.ratio_deviation(*processes))
