"""What two versions of a case differ by: the tables of ``bench ab``."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Literal

from bench.analysis.intervals import Interval
from bench.regression.paired.metrics import EPOCH
from bench.regression.paired.plan import Absent, Comparison
from bench.regression.paired.result import Finding, Measured
from bench.report.regression.github import Annotation
from bench.report.regression.output import Shown
from bench.report.render import numbers
from bench.report.sections import Table

Level = Literal["error", "warning", "notice"]

# How precise a gate says its differences, in percent.
PLACES = 1


def table(plan: Comparison, found: Sequence[Finding]) -> Table:
    """Return the verdict on each case and what it rests on."""
    headings = ("implementation", "verdict", "base", "candidate", "difference", "pairs",
                "accuracy", "parity error")  # fmt: skip
    return Table(
        f"{plan.candidate.name} against {plan.base.name}", headings,
        [*map(_line, found), *map(_missing, plan.absent)],
        words=2, note=_note(plan),
    )  # fmt: skip


def _line(found: Finding) -> list[str]:
    epoch = next((each for each in found.measured if each.quantity is EPOCH), None)
    return [
        found.pairing.name, _outcome(found),
        numbers.duration(epoch.base if epoch else None),
        numbers.duration(epoch.candidate if epoch else None),
        change(epoch.difference.ratio) if epoch else numbers.ABSENT, str(found.pairs),
        both(found.accuracy, numbers.share), both(found.parity, numbers.error),
    ]  # fmt: skip


def _missing(absent: Absent) -> list[str]:
    return [absent.implementation, f"missing: {absent.reason}", *[numbers.ABSENT] * 6]


def _outcome(found: Finding) -> str:
    """Say the outcome, and of what is undecided how many more pairs it may take."""
    if found.outcome != "undecided":
        return found.outcome
    if found.pairs == 0:
        return "undecided (no pair fits into the time; raise --budget)"
    more = [each.more for each in found.measured if each.more is not None]
    return f"undecided (about {max(more):,} more pairs)" if more else "undecided"


def _note(plan: Comparison) -> str:
    gates = " and ".join(("epoch", *plan.gates))
    return (
        f"Judged: {gates}; of epochs, the least of each process. Slower: that there is no slowdown "
        f"is refuted at {100 * plan.alpha:g} % for {plan.rule.family} judged together, and the "
        f"estimate is above {100 * plan.tolerance:g} %."
    )


def beside(found: Sequence[Finding]) -> Table:
    """Return the other quantities, judged where a gate was asked for and else only shown."""
    headings = ("implementation", "quantity", "base", "candidate", "difference", "verdict")
    return Table(
        "Other quantities", headings,
        [_other(each, one) for each in found for one in each.measured
         if one.quantity is not EPOCH],
        words=2, note="What slows only some epochs shows in their median and 90th percentile.",
    )  # fmt: skip


def _other(found: Finding, one: Measured) -> list[str]:
    shown: Callable[[float | None], str] = (
        numbers.duration if one.quantity.unit == "seconds" else numbers.mebibytes
    )
    verdict = one.verdict or "not judged"
    return [found.pairing.name, one.quantity.name, shown(one.base), shown(one.candidate),
            change(one.difference.ratio), verdict]  # fmt: skip


def change(ratio: Interval) -> str:
    """Show a ratio as a difference in percent, with its interval."""
    if ratio.low is None or ratio.high is None:
        return f"{_percent(ratio.mean)} %"
    return f"{_percent(ratio.mean)} % [{_percent(ratio.low)}, {_percent(ratio.high)}]"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.{PLACES}f}"


def both(sides: tuple[float | None, float | None], shown: Callable[[float | None], str]) -> str:
    """Show a number of both versions, once where they read the same."""
    base, candidate = map(shown, sides)
    return base if base == candidate else f"{base} → {candidate}"


def remarks(
    found: Sequence[Finding], sees: Mapping[str, float | None], differs: Sequence[str]
) -> list[str]:
    """Say what differs between the versions, what went wrong, and what the machine can see.

    sees: by the pairing's name, the slowdown that so many pairs find 95 % of the time. differs: the
    distributions whose versions differ.
    """
    lines = [f"Differs: {', '.join(differs)}."] if differs else []
    for each in found:
        lines += [f"{each.pairing.name}: {reason}" for reason in each.reasons]
        if (least := sees.get(each.pairing.name)) is not None:
            what = f"{100 * least:.1f} %" if isfinite(least) else "no slowdown, however large"
            lines.append(f"{each.pairing.name}: on this machine, {each.pairs} pairs see {what}.")
    return lines


def annotations(found: Sequence[Finding]) -> list[Annotation]:
    """Return what GitHub is to show beside the change."""
    levels: dict[str, Level] = {
        "slower": "error", "wrong": "error", "failed": "error", "undecided": "warning",
        "unavailable": "warning",
        "faster": "notice",
    }  # fmt: skip
    return [
        Annotation(
            levels[each.outcome], f"bench ab: {each.pairing.name}: {each.outcome}", _sentence(each)
        )
        for each in found if each.outcome in levels
    ]  # fmt: skip


def _sentence(found: Finding) -> str:
    """Say in a line what a case's verdict rests on."""
    judged = [
        f"{each.quantity.name} {change(each.difference.ratio)}"
        for each in found.measured if each.verdict is not None
    ]  # fmt: skip
    return "; ".join([*judged, f"{found.pairs} pairs", *found.reasons])


def line(found: Finding) -> str:
    """Say in a line what a look at a case shows."""
    return f"{found.pairing.name}: {_outcome(found)}; {_sentence(found)}"


def document(plan: Comparison, found: Sequence[Finding]) -> dict[str, Any]:
    """Return everything as JSON holds it: ratios as they are, times in seconds, memory in bytes."""
    return {
        "base": plan.base.name, "candidate": plan.candidate.name, "tolerance": plan.tolerance,
        "alpha": plan.alpha, "family": plan.rule.family,
        "absent": [{"implementation": one.implementation, "reason": one.reason}
                   for one in plan.absent],
        "cases": [
            {
                "implementation": each.pairing.name, "case": each.pairing.base.slug,
                "verdict": each.outcome, "pairs": each.pairs, "reasons": list(each.reasons),
                "accuracy": list(each.accuracy), "parity_error": list(each.parity),
                "quantities": [_numbers(one) for one in each.measured],
            }
            for each in found
        ],
    }  # fmt: skip


def _numbers(one: Measured) -> dict[str, Any]:
    ratio = one.difference.ratio
    return {
        "name": one.quantity.name, "unit": one.quantity.unit, "verdict": one.verdict,
        "base": one.base, "candidate": one.candidate, "pairs": one.difference.pairs,
        "ratio": ratio.mean, "low": ratio.low, "high": ratio.high,
        "p_slower": one.difference.slower, "p_faster": one.difference.faster,
        "more_pairs": one.more,
    }  # fmt: skip


def shown(
    plan: Comparison,
    found: Sequence[Finding],
    sees: Mapping[str, float | None],
    differs: Sequence[str],
) -> Shown:
    """Return a comparison ready to be shown."""
    told = remarks(found, sees, differs)
    if not plan.pairings and not plan.absent:
        told.append(
            f"No implementation differs between {plan.base.name} and {plan.candidate.name}: "
            "nothing was measured; name one with --implementation to measure it all the same."
        )
    return Shown(
        [table(plan, found), beside(found)], told, annotations(found), document(plan, found)
    )
