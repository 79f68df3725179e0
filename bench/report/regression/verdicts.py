"""Show the result of ``ab`` or ``gate`` as tables, remarks, annotations and JSON."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import isfinite, log

from bench.analysis.intervals import Interval
from bench.regression.result import (
    MISSING,
    CaseComparison,
    ComparisonResult,
    MetricComparison,
)
from bench.regression.stats.decision import Rule, is_within_tolerance
from bench.report.base import numbers, tables
from bench.report.base.parts import Table
from bench.report.regression.output import Annotation, ComparisonOutput, Heading, Level

FORMAT = 6  # of the JSON document; format 6 lacks the keys of stored runs and "functions"
MAX_NAMED = 10  # packages that differ
_SIDE_KEYS = ("name", "commit", "machine", "env")
_LEVELS: Mapping[str, Level] = {
    "wrong": "error",
    "slower": "error",
    "failed": "error",
    "missing in baseline": "warning",
    "missing in candidate": "warning",
    "undecided": "warning",
    "faster": "notice",
    "unavailable": "notice",
}
_FORMATS: Mapping[str, Callable[[float], str]] = {
    "seconds": numbers.format_duration,
    "bytes": numbers.format_mebibytes,
    "number": numbers.format_number,
}


def build_output(result: ComparisonResult) -> ComparisonOutput:
    """Return a comparison in all formats."""
    title = result.command
    if result.refusal:
        opening, table_list, remarks = [result.refusal], [], []
    else:
        table_list = [_tabulate_cases(result), _tabulate_metrics(result)]
        opening, remarks = [], _list_remarks(result)
    annotations = [Annotation("error", title, line) for line in opening] + [
        Annotation(
            _LEVELS[case.verdict],
            f"{title}: {case.name}: {name_verdict(case)}",
            describe_basis(case),
        )
        for case in result.ordered_cases
        if case.verdict in _LEVELS
    ]
    return ComparisonOutput(
        write_heading(result),
        _describe_setting(result),
        [table for table in table_list if table.lines],
        remarks,
        annotations,
        build_document(result),
        opening,
        _describe_rule(result) if table_list else "",
    )


def write_heading(result: ComparisonResult) -> Heading:
    """Return the worst verdict, of how many cases it is, and which of them differs most."""
    sign = "❌" if result.exit_status else "✅"
    if not result.exit_status and "slower" in {case.verdict for case in result.cases}:
        sign = "⚠️ acknowledged:"
    if result.refusal:
        return Heading(f"{sign} not compared")
    cases = [case for case in result.ordered_cases if not _is_passed_over(case, result)]
    cases = cases or result.ordered_cases
    if not cases:
        return Heading(f"{sign} nothing was measured")
    verdict = cases[0].verdict
    alike = [case for case in cases if case.verdict == verdict]
    judged = [
        (case, metric)
        for case in alike
        for metric in case.metrics
        if metric.verdict == verdict and metric.ratio.low is not None
    ]
    case, metric = max(
        judged, key=lambda pair: abs(log(pair[1].ratio.mean)), default=(cases[0], None)
    )
    sign = "❔" if verdict == "undecided" else sign
    detail = format_difference(case, metric) if metric else "".join(case.remarks[:1])
    if len(result.cases) > 1:
        count = f"{len(alike)} of {len(result.cases)} {'cases' if result.parity else 'benchmarks'}"
        which = "the most" if metric else "such as"
        return Heading(f"{sign} {count}: {name_verdict(case)}, {which}", case.name, detail)
    words = _describe_verdict(case)
    if metric and verdict in {"slower", "faster"}:
        size, bracket, bounds = detail.lstrip("+-").partition(" [")
        verb = "needs" if metric.unit == "bytes" else "is"
        return Heading(sign, case.name, f"{verb} {size} {words}{bracket}{bounds}")
    verb = {"no change": "shows ", "failed": ""}.get(verdict, "is ")
    return Heading(sign, case.name, f"{verb}{words}{f': {detail}' if detail else ''}")


def _is_passed_over(case: CaseComparison, result: ComparisonResult) -> bool:
    """Return whether only one side has a case, and that is no fault."""
    lost = case.verdict == "missing in candidate" and not result.allow_missing
    return case.verdict in MISSING and not case.required and not lost


def _describe_setting(result: ComparisonResult) -> str:
    """Return both sides, with their commits, and the machine that measured them."""
    sides = [result.baseline, result.candidate]
    names = [f"{side.label} ({side.commit[:8]})" if side.commit else side.label for side in sides]
    host = result.candidate.host
    return " → ".join(names) + (f", measured on {host}" if host else "")


def describe_case(case: CaseComparison) -> str:
    """Return one line with the verdict on a case and what it rests on."""
    return "; ".join(
        filter(None, (f"{case.name}: {_describe_verdict(case)}", describe_basis(case)))
    )


def describe_basis(case: CaseComparison) -> str:
    """Return what the verdict on a case rests on: differences, measurements and remarks."""
    judged = [
        f"{metric.label} {format_difference(case, metric)}"
        for metric in case.metrics
        if metric.verdict is not None
    ]
    return "; ".join([*judged, *filter(None, [_describe_measurements(case)]), *case.remarks])


def _tabulate_cases(result: ComparisonResult) -> Table:
    """Return a line for each case; columns that are empty for all cases are left out."""
    lines = []
    for case in result.ordered_cases:
        epoch = case.metrics[0] if case.metrics else None
        is_special = case.tolerance not in {None, result.rule.tolerance}
        lines.append(
            {
                "case": case.name,
                "verdict": _describe_verdict(case),
                "baseline": _format_value(epoch, epoch.baseline) if epoch else numbers.ABSENT,
                "candidate": _format_value(epoch, epoch.candidate) if epoch else numbers.ABSENT,
                "difference": format_difference(case, epoch) if epoch else "",
                "tolerance": numbers.format_percent(case.tolerance) if is_special else "",
                "measured": _describe_measurements(case),
                "accuracy": _format_sides(*map(numbers.format_share, case.accuracy)),
                "parity error": _format_sides(*map(numbers.format_error, case.parity_error)),
            }
        )
    filled = {name for line in lines for name, cell in line.items() if cell not in tables.NOTHING}
    lines = [
        {name: cell or numbers.ABSENT for name, cell in line.items() if name in filled}
        for line in lines
    ]
    title = f"{result.candidate.label} compared with {result.baseline.label}"
    return tables.tabulate_lines(title, lines, 2, _count_verdicts(result))


def _count_verdicts(result: ComparisonResult) -> str:
    """Return how many cases have each verdict, and of what."""
    counts = Counter(map(name_verdict, result.ordered_cases))
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    plural = "s" if len(result.cases) != 1 else ""
    statistics = {metric.statistic for case in result.cases for metric in case.metrics[:1]}
    which = " or ".join(sorted(filter(None, statistics)))
    return (
        f"{len(result.cases)} case{plural}: {verdicts}. Judged: "
        f"{f'{which} ' if which else ''}{' and '.join(result.gated)}"
        f"{f', because {result.reason}' if result.reason else ''}."
    )


def _describe_rule(result: ComparisonResult) -> str:
    is_memory = {metric.unit for case in result.cases for metric in case.metrics} == {"bytes"}
    worse, increase = ("More memory", "increase") if is_memory else ("Slower", "slowdown")
    rule = result.rule
    return (
        f'{worse}: the hypothesis "no {increase}" is rejected at {100 * rule.alpha:g} % for '
        f"{rule.family} judged together, and the estimate is above {100 * rule.tolerance:g} %."
    )


def _tabulate_metrics(result: ComparisonResult) -> Table:
    """Return the other metrics, whether they are judged or only shown."""
    lines = [
        {
            "case": case.name,
            "metric": metric.name,
            "baseline": _format_value(metric, metric.baseline),
            "candidate": _format_value(metric, metric.candidate),
            "difference": format_difference(case, metric),
            "verdict": metric.verdict or "not judged",
        }
        for case in result.ordered_cases
        for metric in case.metrics[1:]
    ]
    note = "A slowdown of only some epochs shows in their mean." if result.parity else ""
    return tables.tabulate_lines("Other metrics", lines, 2, note)


def _format_value(metric: MetricComparison, value: float) -> str:
    """Return a value of a metric with its unit."""
    return _FORMATS[metric.unit](value)


def name_verdict(case: CaseComparison) -> str:
    """Return the verdict; where it is of the memory alone, more or less of that."""
    units = {metric.unit for metric in case.metrics if metric.verdict == case.verdict}
    words = {"slower": "more memory", "faster": "less memory"} if units == {"bytes"} else {}
    return words.get(case.verdict, case.verdict)


def _describe_verdict(case: CaseComparison) -> str:
    """Return the verdict; for "no change", of what; for an undecided one, what would decide it."""
    same = [metric.label for metric in case.metrics if metric.verdict == "no change"]
    if case.verdict == "no change" and same:
        return f"no change of the {same[0]}"
    slower = [metric.label for metric in case.metrics if metric.verdict == "slower"]
    if name_verdict(case) == "slower" and case.metrics[0].label not in slower:
        return f"slower ({' and '.join(slower)})"
    if case.verdict != "undecided":
        return name_verdict(case)
    more = [metric.more_pairs for metric in case.metrics if metric.more_pairs is not None]
    if more:
        seconds = max(more) * (case.pair_seconds or 0.0)
        budget = f", which take {numbers.format_wall_time(seconds)}" if seconds else ""
        plural = "s" if max(more) > 1 else ""
        return f"undecided (about {max(more):,} more pair{plural}{budget})"
    if case.pairs == 0:
        return "undecided (no pair fits into the time; raise --budget)"
    return "undecided"


def _describe_measurements(case: CaseComparison) -> str:
    """Return how often a case was measured."""
    if not case.pairs:
        return ""
    return f"{case.pairs} pair{'s' if case.pairs > 1 else ''}"


def _list_remarks(result: ComparisonResult) -> list[str]:
    """Return what went wrong, what the machine can detect, and which software differs."""
    lines = [*result.remarks]
    if changes := describe_software_changes(result.baseline.software, result.candidate.software):
        lines.append(f"Differs: {', '.join(changes)}.")
    for case in result.ordered_cases:
        lines += [f"{case.name}: {remark}" for remark in case.remarks]
        if open_median := _describe_open_median(case, result.rule):
            lines.append(f"{case.name}: {open_median}")
        if case.detectable is not None:
            runs = f"{case.pairs} pairs"
            if case.pair_seconds is not None:
                runs += f" ({numbers.format_wall_time(case.pairs * case.pair_seconds)})"
            least = "no slowdown, however large"
            if isfinite(case.detectable):
                least = f"a slowdown of about {100 * case.detectable:.1f} % with probability 95 %"
            lines.append(f"{case.name}: on this machine, {runs} detect {least}.")
    if not result.cases:
        lines.append(_describe_nothing(result))
    return lines


def _describe_nothing(result: ComparisonResult) -> str:
    """Say why nothing was measured, and what to do."""
    if result.reason:
        return f"Nothing was measured, because {result.reason}."
    thing, option = (
        ("implementation", "name one with --implementation")
        if result.parity
        else ("file that git tracks", "add --allow same-code")
    )
    return (
        f"No {thing} differs between {result.baseline.name} and {result.candidate.name}, so "
        f"nothing was measured. To measure anyway, {option}; to let that pass, add --allow nothing."
    )


def _describe_open_median(case: CaseComparison, rule: Rule) -> str:
    """Say so if only the interval of the median epoch leaves "no change" open."""
    by_name = {metric.name: metric.ratio for metric in case.metrics}
    ratio = by_name.get("median epoch")
    if case.verdict != "undecided" or ratio is None or is_within_tolerance(ratio, rule):
        return ""
    if not is_within_tolerance(by_name["epoch"], rule):
        return ""
    return (
        "no change of the minimum epoch, but the median epoch may have changed by more than the "
        f"tolerance: {format_change(ratio)}"
    )


def describe_software_changes(
    baseline: Mapping[str, str], candidate: Mapping[str, str]
) -> list[str]:
    """Name packages that differ, those that both sides have first, and count what is left."""
    versions = compare_software(baseline, candidate)
    changes = [
        f"{name} {before or 'absent'} → {after or 'absent'}"
        for name, (before, after) in sorted(versions.items(), key=lambda item: None in item[1])
    ]
    more = len(changes) - MAX_NAMED
    return changes[:MAX_NAMED] + ([f"{more} more packages"] if more > 0 else [])


def compare_software(
    baseline: Mapping[str, str], candidate: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """Return both versions of the packages that differ, by name; None on a side without it.

    Empty if the software of one side is not known.
    """
    names = sorted({*baseline, *candidate}) if baseline and candidate else []
    versions = {name: (baseline.get(name), candidate.get(name)) for name in names}
    return {name: pair for name, pair in versions.items() if pair[0] != pair[1]}


def format_difference(case: CaseComparison, metric: MetricComparison) -> str:
    """Show the difference of a metric; too few pairs for an interval are no finding at all."""
    if case.pairs and metric.verdict is not None and metric.ratio.low is None:
        return "not estimated"
    return format_change(metric.ratio)


def format_change(ratio: Interval) -> str:
    """Show a ratio as a difference in percent, or as a factor from 10 on, with its interval."""
    if ratio.low is None or ratio.high is None:
        return _format_ratio(ratio.mean)
    if ratio.high >= 10:
        low, high = _format_ratio(ratio.low), _format_ratio(ratio.high)
    else:
        low, high = (f"{100 * (bound - 1):+z.1f}" for bound in (ratio.low, ratio.high))
    return f"{_format_ratio(ratio.mean)} [{low}, {high}]"


def _format_ratio(ratio: float) -> str:
    if ratio < 10:
        return f"{100 * (ratio - 1):+z.1f} %"
    return f"{numbers.format_number(ratio)} times"


def _format_sides(baseline: str, candidate: str) -> str:
    """Show a number of both sides, once if they read the same."""
    return baseline if baseline == candidate else f"{baseline} → {candidate}"


def build_document(result: ComparisonResult) -> dict[str, object]:
    """Return the JSON document: times in seconds, memory in bytes, ratios as they are.

    docs/gate/json.csv describes its keys.
    """
    cases = []
    for case in result.cases:
        document = asdict(case)
        del document["required"]
        if not isfinite(case.detectable or 0.0):
            document["detectable"] = None
        for metric in document["metrics"]:
            ratio = metric.pop("ratio")
            metric |= {"ratio": ratio["mean"], "low": ratio["low"], "high": ratio["high"]}
        cases.append(document)
    return {
        "format": FORMAT,
        "command": result.command,
        "created": result.created,
        "baseline": {key: getattr(result.baseline, key) for key in _SIDE_KEYS},
        "candidate": {key: getattr(result.candidate, key) for key in _SIDE_KEYS},
        "tolerance": result.rule.tolerance,
        "alpha": result.rule.alpha,
        "family": result.rule.family,
        "refusal": result.refusal,
        "reason": result.reason,
        "status": result.exit_status,
        "software": compare_software(result.baseline.software, result.candidate.software),
        "cases": cases,
    }
