"""Judge the commands of two versions: pure functions of their plan, records and looks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from bench.records.schema import CommandRecord
from bench.regression.commands.command_plan import CommandPlan, is_named
from bench.regression.commands.instructions import (
    INSTRUCTIONS,
    SHARE_OF_TOLERANCE,
    compare_counts,
)
from bench.regression.commands.samplers import CPU_TIME
from bench.regression.pairs.judge import (
    Measured,
    PairedMetric,
    collect_pairs,
    describe_sides,
    judge_metrics,
    list_failures,
)
from bench.regression.pairs.plan import CANDIDATE
from bench.regression.result import (
    CaseComparison,
    CaseVerdict,
    ComparisonResult,
    MetricComparison,
)
from bench.regression.stats.decision import Rule, is_within_tolerance
from bench.regression.stats.false_alarms import LookSchedule

MAX_SPEEDUP = 2.0  # a candidate that is faster may not do all of the work
# Where other processes use more cores than this, CPU time may show only this share of a slowdown:
# docs/gate/evidence.md counts how much it shows.
MAX_OTHERS, BUSY_SHARE = 0.1, 0.5


def make_command_result(
    plan: CommandPlan, measured: Measured[CommandRecord] | None
) -> ComparisonResult:
    """Return the result of a comparison; measured: None if nothing had to be."""
    cases: list[CaseComparison] = []
    if measured is not None:
        cases = judge_commands(plan, measured.records, measured.looks.get("command", ()))
    measured = measured or Measured()
    records = measured.records
    if plan.baseline == plan.candidate:
        cases = add_detectable(cases, records, plan)
    baseline, candidate = describe_sides(plan, measured)
    names = list_value_names(records)
    unused = [
        name for name in plan.tolerances if not any(is_named(name, case.case) for case in cases)
    ]
    reason, gated = plan.chosen, [plan.sampler.words]
    if plan.counting:
        share = 100 * SHARE_OF_TOLERANCE * plan.tolerance
        reason += f"; instructions are slower if all counts are higher, by {share:g} % or more"
        gated.insert(0, INSTRUCTIONS)
    return ComparisonResult(
        command="softmax-bench gate",
        baseline=baseline,
        candidate=candidate,
        rule=plan.make_rule(len(names)),
        cases=cases,
        gated=tuple(gated),
        parity=False,
        reason=reason.removeprefix("; "),
        created=plan.created,
        remarks=[
            *filter(None, [plan.ran, plan.notice]),
            *(f"--tolerance {name}: no benchmark has this name" for name in unused if names),
        ],
    )


def list_value_names(records: Iterable[CommandRecord]) -> list[str]:
    """Return the names of the timed values of either side, in the order measured."""
    names = dict.fromkeys(name for record in records for name in record.values)
    return [name for name in names if name != INSTRUCTIONS]


def judge_commands(
    plan: CommandPlan, records: Sequence[CommandRecord], looks: LookSchedule
) -> list[CaseComparison]:
    """Judge every value that both sides have; name what one side lacks, and what failed.

    Of several commands, each value has the name of one.
    """
    failures = list_failures(records)
    pairs = collect_pairs(records)
    names = list_value_names(records)
    rule, sampler = plan.make_rule(len(names)), plan.sampler
    measured: dict[str, PairedMetric] = {}
    for name in names:
        both = [pair for pair in pairs if all(name in record.values for record in pair)]
        if both:
            logs = [compare_values(name, *pair) for pair in both]
            values = [(before.values[name], after.values[name]) for before, after in both]
            own = replace(rule, tolerance=plan.find_tolerance(name))
            measured[name] = PairedMetric(sampler.words, sampler.unit, values, logs, looks, own)
    judged = judge_metrics(measured, measured.keys(), rule.family)
    lives = [[record.wall_seconds or 0.0 for record in pair] for pair in pairs]
    seconds = [max(both) if sampler.together else sum(both) for both in lives]
    cases = []
    for name in names or [plan.metric]:
        title = name if (sampler.several or plan.more) and names else ", ".join(plan.commands)
        metric = judged.get(name)
        verdict: CaseVerdict = (metric.verdict if metric else None) or "undecided"
        missing = find_missing_side(name, records)
        if failures:
            verdict = "failed"
        elif missing:
            verdict = "missing in candidate" if missing == CANDIDATE else "missing in baseline"
        cases.append(
            CaseComparison(
                name=title,
                case=name,
                verdict=verdict,
                metrics=(metric,) if metric and not failures else (),
                remarks=failures,
                required=not sampler.several,
                tolerance=plan.find_tolerance(name),
                pairs=len(measured[name].values) if name in measured else 0,
                pair_seconds=median(seconds) if seconds else None,
            )
        )
    if (counts := compare_counts(records, plan.tolerance)) and not failures:
        cases = [judge_counts(case, counts) for case in cases]
    if plan.metric == CPU_TIME:
        cases = [doubt_no_change(case, measure_others(pairs)) for case in cases]
    return [doubt_speedup(case) for case in cases]


def measure_others(pairs: Iterable[tuple[CommandRecord, CommandRecord]]) -> float:
    """Return the number of cores that other processes used during the pairs; 0 if unknown."""
    conditions = [record.conditions for pair in pairs for record in pair]
    seconds = [of.get("seconds") or 0.0 for of in conditions]
    others = [of.get("others_seconds") or 0.0 for of in conditions]
    return sum(others) / sum(seconds) if sum(seconds) else 0.0


def doubt_no_change(case: CaseComparison, others: float) -> CaseComparison:
    """Return a case of CPU time with a narrower tolerance where others used the processor."""
    if case.verdict != "no change" or others <= MAX_OTHERS:
        return case
    metric = case.metrics[0]
    rule = Rule(tolerance=BUSY_SHARE * (case.tolerance or 0.0))
    if metric.name == INSTRUCTIONS or is_within_tolerance(metric.ratio, rule):
        return case
    reason = (
        f"other processes used {others:.1f} cores, beside which CPU time may show less of a "
        f"slowdown: no change needs an interval within {100 * rule.tolerance:g} %"
    )
    return replace(
        case,
        verdict="undecided",
        metrics=(replace(metric, verdict="undecided"), *case.metrics[1:]),
        remarks=(*case.remarks, reason),
    )


def doubt_speedup(case: CaseComparison) -> CaseComparison:
    """Return a case with a question if it takes less than half."""
    if case.verdict != "faster" or case.metrics[0].ratio.mean * MAX_SPEEDUP > 1:
        return case
    question = "it takes less than half: does it still do the work?"
    return replace(case, remarks=(*case.remarks, question))


def judge_counts(case: CaseComparison, counts: MetricComparison) -> CaseComparison:
    """Return a case of which the instructions decide where its time shows no difference."""
    times, remark = case.metrics, ""
    if any(metric.ratio.low is None for metric in times):  # too few pairs to show any
        times = tuple(replace(metric, verdict=None, more_pairs=None) for metric in times)
    verdict = case.verdict
    if verdict not in {"slower", "faster"} and counts.verdict not in {None, "undecided"}:
        verdict = counts.verdict
    elif verdict == "slower" and counts.verdict == "no change":
        remark = "slower with as many instructions: look at caches, memory layout and the system"
    return replace(
        case,
        verdict=verdict,
        metrics=(counts, *times),
        remarks=(*case.remarks, remark) if remark else case.remarks,
        unsettled=case.verdict == "undecided" and verdict != "slower",
    )


def add_detectable(
    cases: Sequence[CaseComparison], records: Sequence[CommandRecord], plan: CommandPlan
) -> list[CaseComparison]:
    """Add to the median case and to the worst one which slowdown pairs of equal code detect."""
    from bench.regression.stats.power import find_smallest_slowdown

    pairs, least = collect_pairs(records), []
    for name in (case.case for case in cases if case.pairs == len(pairs) > 0):
        logs = [compare_values(name, *pair) for pair in pairs]
        rule = replace(plan.make_rule(len(cases)), tolerance=plan.find_tolerance(name))
        least.append((find_smallest_slowdown(logs, len(pairs), rule), name))
    least.sort()
    named = {name: slowdown for slowdown, name in (*least[len(least) // 2 :][:1], *least[-1:])}
    return [replace(case, detectable=named.get(case.case)) for case in cases]


def find_missing_side(name: str, records: Iterable[CommandRecord]) -> str | None:
    """Return the side that succeeded without a value that the other side has, or None."""
    succeeded = [record for record in records if record.status == "ok"]
    having = {record.version for record in succeeded if name in record.values}
    missing = {record.version for record in succeeded} - having if having else set()
    return missing.pop() if missing else None


def compare_values(name: str, baseline: CommandRecord, candidate: CommandRecord) -> float:
    """Return the log ratio of a value; of iterations in turn, that of neighbours."""
    # Only older records have iterations.
    iterations = list(zip(baseline.iteration_seconds, candidate.iteration_seconds, strict=False))
    if iterations:
        return median(math.log(after / before) for before, after in iterations)
    return math.log(candidate.values[name] / baseline.values[name])
