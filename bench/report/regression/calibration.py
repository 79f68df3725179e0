"""Show the calibrations of a machine as tables and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite, isinf

from bench.regression.calibration.detectable import (
    BUDGETS,
    BudgetDetectability,
    Detectability,
)
from bench.regression.calibration.session import describe_slowdown
from bench.regression.stats.power import DecisionCount
from bench.report.regression.output import ComparisonOutput
from bench.report.render import numbers
from bench.report.sections import Table

EMPTY = "nothing is calibrated yet. Leave out --show to measure, or name a folder: --calibrations"
BUDGET_HEADINGS = [f"in {seconds:g} s" if seconds else "at the least" for seconds in BUDGETS]


def build_calibration_output(cases: Sequence[Detectability]) -> ComparisonOutput:
    """Return what the calibrations of a machine show, in all formats.

    The JSON document has standard deviations of logarithms, and ratios as they are.
    """
    documents = [
        {
            "case": case.case,
            "injected": describe_slowdown(case.slowdown),
            "blocks": case.blocks,
            "pairs": case.pairs,
            "seconds_a_pair": case.seconds,
            "ratio": case.ratio,
            "spread": case.spread and asdict(case.spread),
            "budgets": [
                {
                    **asdict(budget),
                    "smallest": budget.smallest if isfinite(budget.smallest or 0.0) else None,
                }
                for budget in case.budgets
            ],
        }
        for case in cases
    ]
    remarks = [] if cases else [EMPTY]
    return ComparisonOutput(tabulate(cases), remarks, (), {"cases": documents})


def tabulate(cases: Sequence[Detectability]) -> list[Table]:
    """Return the tables that have a line: noise, detectable slowdowns, false alarms, injections."""
    same = [case for case in cases if case.slowdown is None]
    injected = [case for case in cases if case.slowdown is not None]
    tables = (
        _tabulate_noise(same),
        _tabulate_smallest(same),
        _tabulate_false_alarms(same),
        _tabulate_injected(injected),
    )
    return [table for table in tables if table.lines]


def _tabulate_noise(cases: Sequence[Detectability]) -> Table:
    lines = []
    for case in cases:
        deviations = [numbers.ABSENT] * 3
        if case.spread is not None:
            spread = case.spread
            deviations = [
                numbers.format_percent(part)
                for part in (spread.epochs, spread.processes, spread.blocks)
            ]
        seconds = numbers.format_number(case.seconds)
        lines.append([case.case, f"{case.pairs:,}", str(case.blocks), seconds, *deviations])
    return Table(
        "How noisy this machine is",
        (
            "case",
            "pairs",
            "blocks",
            "seconds a pair",
            "epochs of a process",
            "processes",
            "between blocks",
        ),
        lines,
        words=1,
        note="Standard deviations in percent: of the epochs of a process, of the minimum epochs of "
        "the processes of a block, and of blocks beyond what these explain.",
    )


def _tabulate_smallest(cases: Sequence[Detectability]) -> Table:
    return Table(
        "The smallest slowdown that is detected with probability 95 %",
        ("case", *BUDGET_HEADINGS),
        [
            [case.case, *(_format_smallest(case, budget) for budget in case.budgets)]
            for case in cases
        ],
        words=1,
        note="Without a tolerance, at 1 %; drawn from pairs of equal versions. In brackets: the "
        "pairs that fit into the time.",
    )


def _format_smallest(case: Detectability, budget: BudgetDetectability) -> str:
    """Show the smallest slowdown, or how long the fewest pairs take if that is too long."""
    if budget.seconds and budget.pairs * case.seconds > budget.seconds:
        return f"{budget.pairs} pairs take {numbers.format_wall_time(budget.pairs * case.seconds)}"
    if budget.smallest is None or isinf(budget.smallest):
        return numbers.ABSENT
    return f"{100 * budget.smallest:.1f} % ({budget.pairs})"


def _tabulate_false_alarms(cases: Sequence[Detectability]) -> Table:
    return Table(
        "False alarms: a version called slower than itself",
        ("case", "time", "pairs", "called slower"),
        [
            [
                case.case,
                f"{budget.seconds:g} s" if budget.seconds else "the least",
                str(budget.pairs),
                format_count(budget.disjoint),
            ]
            for case in cases
            for budget in case.budgets
            if budget.disjoint
        ],
        words=2,
        note="Without a tolerance; the design allows 1 %. No two decisions share a pair. In "
        "brackets: the 95 % Wilson interval.",
    )


def _tabulate_injected(cases: Sequence[Detectability]) -> Table:
    return Table(
        "Injected slowdowns, and how often they are detected",
        ("case", "injected", "measured", "pairs", *BUDGET_HEADINGS),
        [
            [
                case.case,
                describe_slowdown(case.slowdown),
                f"{100 * (case.ratio - 1):+.1f} %",
                f"{case.pairs:,}",
                *(format_count(budget.drawn) for budget in case.budgets),
            ]
            for case in cases
        ],
        words=2,
        note="Without a tolerance; decisions are drawn from overlapping windows of the measured "
        "pairs. A slowdown of one epoch in five does not show in the minimum.",
    )


def format_count(count: DecisionCount | None) -> str:
    """Show a count with the interval of its share in percent."""
    if count is None:
        return numbers.ABSENT
    low, high = count.interval
    return f"{count.count} of {count.total} [{100 * low:.1f}, {100 * high:.1f}]"
