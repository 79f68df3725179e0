"""A comparison of stored measurements as tables, lines, annotations and JSON; nothing is judged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from bench.regression import differences
from bench.regression.calibration.spread import Spread
from bench.regression.stats.decision import Rule
from bench.regression.stored.compare import Compared, Outcome, seen
from bench.regression.stored.result import MISSING, TIMED, Judged
from bench.report.regression.github import Annotation
from bench.report.regression.output import Shown
from bench.report.render import numbers
from bench.report.sections import Table

FORMAT = 2  # of the JSON; format 1 had "commands", too
UNDECIDED = "undecided: measure in pairs with `bench ab`"
HEADINGS = (
    "case", "verdict", "spread between runs", "baseline", "candidate", "candidate / baseline",
    "processes",
)  # fmt: skip
# What there is to do comes first.
ORDER: Sequence[Outcome] = get_args(Outcome)
LEVELS: Mapping[Outcome, Any] = {
    "wrong": "error", "slower": "error", "failed": "error", "undecided": "warning",
    **dict.fromkeys(MISSING, "warning"),
}  # fmt: skip


def ordered(found: Judged) -> list[Compared]:
    """Return the cases, the worst first; else they keep their order."""
    return sorted(found.cases, key=lambda each: ORDER.index(each.outcome))


def table(found: Judged) -> Table:
    """Return a line for each case: its verdict, and what it rests on."""
    return Table(
        f"{found.candidate.name} compared with {found.baseline.name}",
        HEADINGS,
        [_cells(each) for each in ordered(found)],
        words=3,
        note=f"{counted(found)}.",
    )


def _cells(of: Compared) -> list[str]:
    base, candidate = of.seconds
    return [
        of.name, of.outcome, spread(of), numbers.duration(base), numbers.duration(candidate),
        numbers.factor(of.ratio), processes(of),
    ]  # fmt: skip


def spread(of: Compared) -> str:
    """Say what a time was held against: the deviation of a ratio of two runs, or nothing known."""
    if of.outcome not in TIMED:
        return numbers.ABSENT
    if of.spread is None:
        return "no calibration"
    deviation = of.spread.of_two_runs(*of.processes)
    return f"{numbers.percent(deviation)} ({of.spread.count} blocks)"


def processes(of: Compared) -> str:
    """Say how many processes went well on each side, and of how many where not all did."""
    counts = [str(good) if good == tried else f"{good} of {tried}"
              for good, tried in zip(of.processes, of.tried, strict=True)]  # fmt: skip
    return " / ".join(counts) if any(of.tried) else numbers.ABSENT


def opening(found: Judged) -> list[str]:
    """Say what has to be known first: other machines, or why nothing was compared."""
    if found.refusal:
        return [found.refusal]
    if not found.across:
        return []
    known = None not in (found.baseline.machine, found.candidate.machine)
    what = "measured on different machines" if known else "nothing tells on which machines"
    return [f"across machines ({what}): a difference may be theirs, and no calibration holds"]


def remarks(found: Judged) -> list[str]:
    """Say what a table cannot: each case's faults, and in which software the sides differ."""
    lines = [f"{each.name}: {remark}" for each in ordered(found) for remark in each.remarks]
    tested = [(each, each.spread) for each in ordered(found) if each.spread and each.difference]
    rule = replace(found.terms.rule, family=max(1, len(tested)))
    lines += [sees(each, spread, rule) for each, spread in tested]
    one, other = found.baseline.software, found.candidate.software
    changed = differences.changes(one, other) if one and other else []
    lines += [f"Differs: {', '.join(changed)}."] if changed else []
    undecided = any(each.outcome == "undecided" for each in found.cases)
    return [*lines, *([UNDECIDED] if undecided else [])]


def sees(of: Compared, spread: Spread, rule: Rule) -> str:
    """Say which slowdown two runs like these show 95 % of the time."""
    base, candidate = of.processes
    least = numbers.percent(seen(spread, of.processes, rule))
    return f"{of.name}: on this machine, runs of {base} and {candidate} processes see {least}"


def software(found: Judged) -> dict[str, tuple[str | None, str | None]]:
    """Return the versions of what differs, the baseline's and the candidate's."""
    one, other = found.baseline.software, found.candidate.software
    names = sorted({*one, *other}) if one and other else []
    return {name: (one.get(name), other.get(name))
            for name in names if one.get(name) != other.get(name)}  # fmt: skip


def counted(found: Judged) -> str:
    """Count the verdicts in a line."""
    counts = Counter(each.outcome for each in found.cases)
    said = ", ".join(f"{counts[each]} {each}" for each in ORDER if counts[each])
    return f"{len(found.cases)} case{'s' if len(found.cases) != 1 else ''}: {said or 'none'}"


def annotations(found: Judged) -> list[Annotation]:
    """Return what GitHub shows of whatever does not pass."""
    title = "bench compare"
    if found.refusal:
        return [Annotation("error", title, found.refusal)]
    shown = [each for each in ordered(found) if each.outcome in LEVELS]
    return [
        *(Annotation("warning", title, line) for line in opening(found)),
        *(Annotation(LEVELS[each.outcome], f"{title}: {each.name}", _message(each))
          for each in shown),
    ]  # fmt: skip


def _message(of: Compared) -> str:
    base, candidate = map(numbers.duration, of.seconds)
    times = [f"{base} → {candidate}, ratio {numbers.factor(of.ratio)}"] if of.ratio else []
    known = [spread(of)] if of.outcome in TIMED else []
    return "; ".join([of.outcome, *times, *known, *of.remarks])


def shown(found: Judged) -> Shown:
    """Return a comparison ready to be shown."""
    tables = [] if found.refusal else [table(found)]
    said = [] if found.refusal else remarks(found)
    return Shown(tables, said, annotations(found), document(found), opening(found))


def document(found: Judged) -> dict[str, Any]:
    """Return all of it for a machine; docs/design.md describes the keys."""
    terms = found.terms
    return {
        "format": FORMAT,
        "baseline": {"name": found.baseline.name, "machine": found.baseline.machine},
        "candidate": {"name": found.candidate.name, "machine": found.candidate.machine},
        "same_machine": not found.across,
        "tolerance": terms.rule.tolerance,
        "alpha": terms.rule.alpha,
        "between_runs": terms.between_runs,
        "refusal": found.refusal,
        "status": found.status,
        "software": software(found),
        "cases": [_case(each) for each in found.cases],
    }


def _case(of: Compared) -> dict[str, Any]:
    ratio, test = of.ratio, of.difference
    return {
        "name": of.name,
        "verdict": of.outcome,
        "seconds": of.seconds,
        "ratio": ratio and ratio.mean,
        "low": ratio and ratio.low,
        "high": ratio and ratio.high,
        "p_slower": test and test.slower,
        "p_faster": test and test.faster,
        "deviation": of.spread and of.spread.of_two_runs(*of.processes),
        "blocks": of.spread and of.spread.count,
        "epochs": of.epochs,
        "processes": of.processes,
        "tried": of.tried,
        "accuracy": of.accuracy,
        "remarks": of.remarks,
    }
