"""Show the calibrations of a machine as tables and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import stdev

from bench.analysis.noise import MAX_OTHERS, MAX_STEAL
from bench.regression.calibration.counts import (
    LOADED,
    DecisionCount,
    Design,
    PairNoise,
    count_decisions,
    measure_pair_noise,
)
from bench.regression.calibration.session import describe_slowdown
from bench.regression.calibration.spread import MIN_HOURS, Calibrations, shift_decision
from bench.regression.result import TIMED
from bench.report.base import numbers, tables
from bench.report.base.parts import Table
from bench.report.regression.output import ComparisonOutput

EMPTY = "nothing is calibrated yet. Leave out --show to measure, or name a folder: --calibrations"
NOTE = (
    "Each decision is a whole comparison without a tolerance, and shares no pair with another. "
    "Computed: pairs of equal versions, with every epoch of the candidate longer by this share. "
    "Too few pairs: undecided with too few for a verdict. Share slower: 95 % Wilson interval in "
    "percent; without a slowdown, those with too few pairs are left out. Load (before a decision), "
    f"estimate (of bench ab), pairs, time: medians. Loaded: a load of {LOADED:g} or more. Busy: "
    f"less, but other processes took more than {100 * MAX_OTHERS:g} % of all processors' time, or "
    f"the hypervisor more than {100 * MAX_STEAL:g} %."
)
SHIFTS = (0.02, 0.05)


def build_calibration_output(calibrations: Calibrations) -> ComparisonOutput:
    """Return what the calibrations of a machine show, in all formats.

    The JSON document has standard deviations of logarithms, and seconds.
    """
    shifted = [
        shift_decision(decision, share)
        for decision in calibrations.decisions
        if decision.design.slowdown is None and decision.verdict in TIMED
        for share in SHIFTS
    ]
    counts = count_decisions([*calibrations.decisions, *shifted])
    pair_noise = measure_pair_noise(calibrations.decisions)
    document = {
        "decisions": [_document_count(count) for count in counts],
        "noise": [
            {
                "case": case,
                "pairs": len(calibrations.logs(case)),
                "pair_deviation": _estimate_pair_deviation(calibrations.logs(case)),
                "spread": (spread := calibrations.spread(case)) and asdict(spread),
            }
            for case in calibrations.cases
        ],
        "pair_noise": [asdict(noise) for noise in pair_noise],
        "left_out": calibrations.faults,
    }
    same = [count for count in counts if count.design.slowdown is None]
    slowed = [count for count in counts if count.design.slowdown is not None]
    table_list = [
        _tabulate_counts("False alarms: a version compared with itself", same),
        _tabulate_counts("Slowdowns", slowed),
        _tabulate_pair_noise(pair_noise),
        _tabulate_noise(calibrations),
    ]
    remarks = [*calibrations.faults, *([] if calibrations.cases or counts else [EMPTY])]
    if failed := sum(count.failed for count in counts):
        remarks.append(f"{failed} comparisons failed and are not counted")
    return ComparisonOutput([table for table in table_list if table.lines], remarks, (), document)


def _document_count(count: DecisionCount) -> dict[str, object]:
    design = count.design
    low, high = count.slower_interval if count.total else (None, None)
    return {
        "case": design.case,
        "injected": describe_slowdown(design.slowdown),
        "how": design.how if design.slowdown else None,
        "budget": design.budget,
        "machine": design.machine,
        "load": count.load,
        "two_places": design.in_two_places,
        "decisions": count.total,
        "verdicts": dict(count.verdicts),
        "slower_low": low,
        "slower_high": high,
        "estimate": count.estimate,
        "pairs": count.pairs,
        "seconds": count.seconds,
        "failed": count.failed,
        "short": count.too_few_pairs,
    }


def _tabulate_counts(title: str, counts: Sequence[DecisionCount]) -> Table:
    """Return a line for each design that has a decision."""
    lines = []
    for count in counts:
        if not count.total:
            continue
        design, verdicts = count.design, count.verdicts
        low, high = count.slower_interval
        slowed = {"slowdown": describe_slowdown(design.slowdown), "how": design.how}
        lines.append(
            {
                "case": design.case,
                **(slowed if design.slowdown else {}),
                "budget": numbers.format_wall_time(design.budget),
                "machine": _describe_machine(design),
                "load": f"{count.load:.1f}",
                "decisions": str(count.total),
                "slower": str(verdicts.get("slower", 0)),
                "faster": str(verdicts.get("faster", 0)),
                "undecided": str(verdicts.get("undecided", 0)),
                "too few pairs": str(count.too_few_pairs),
                "share slower": f"{100 * low:.1f} to {100 * high:.1f}",
                "estimate": f"{100 * (count.estimate - 1):+z.1f} %",
                "pairs": f"{count.pairs:g}",
                "time": numbers.format_wall_time(count.seconds),
            }
        )
    words = 5 if "how" in next(iter(lines), {}) else 3
    return tables.tabulate_lines(title, lines, words, NOTE)


def _describe_machine(design: Design) -> str:
    return design.machine if design.in_two_places else f"{design.machine}, sides in one place"


def _tabulate_pair_noise(noises: Sequence[PairNoise]) -> Table:
    lines = [
        {
            "case": noise.design.case,
            "budget": numbers.format_wall_time(noise.design.budget),
            "machine": _describe_machine(noise.design),
            "pairs": f"{noise.pairs:,}",
            "epochs in turn": numbers.format_percent(noise.alternated_deviation),
            "one process after the other": numbers.format_percent(noise.successive_deviation),
        }
        for noise in noises
    ]
    note = (
        "Standard deviations of the log ratio of two processes of one version, in percent. In "
        "turn: the two processes of a pair. One after the other: the median epochs of the "
        "baselines of two successive pairs."
    )
    title = "What training epochs in turn does to the noise"
    return tables.tabulate_lines(title, lines, 3, note)


def _tabulate_noise(calibrations: Calibrations) -> Table:
    lines = []
    for case in calibrations.cases:
        logs, spread = calibrations.logs(case), calibrations.spread(case)
        lines.append(
            {
                "case": case,
                "pairs": f"{len(logs):,}",
                "ratio of a pair": numbers.format_percent(_estimate_pair_deviation(logs)),
                "processes": numbers.format_percent(spread.processes if spread else None),
                "between hours": numbers.format_percent(spread.blocks if spread else None),
                "hours": str(spread.hours) if spread else numbers.ABSENT,
            }
        )
    note = (
        "Standard deviations in percent, of pairs and processes without an injected slowdown. "
        f"The spread between hours needs {MIN_HOURS} hours; bench compare judges by it."
    )
    return tables.tabulate_lines("How noisy this machine is", lines, 1, note)


def _estimate_pair_deviation(logs: Sequence[float]) -> float | None:
    return stdev(logs) if len(logs) > 1 else None
