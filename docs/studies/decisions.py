"""Count the decisions of calibrations, which are independent: no two of them share a pair.

docs/studies/calibrate.py makes them and prints these tables.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median, stdev

import msgspec
from scipy.stats import binomtest

from bench.analysis.noise import MAX_OTHERS, MAX_STEAL
from bench.records.schema import Slowdown
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.judge_pairs import EPOCH, compute_log_ratio
from bench.regression.result import TIMED, CaseVerdict
from bench.regression.stats.false_alarms import ALPHA, count_fewest_pairs
from bench.regression.stats.signed_rank import compute_ratio
from bench.regression.stored.calibrations import (
    MIN_HOURS,
    Calibrations,
    MeasuredDecision,
    parse_seconds,
)
from bench.report.base import numbers, tables
from bench.report.base.parts import Table
from bench.report.regression.output import ComparisonOutput

LOADED = 3.0  # the mean load of a minute
EMPTY = "nothing is calibrated yet. Leave out --show to measure, or name a folder: --calibrations"
NOTE = (
    "Each decision is a whole comparison without a tolerance, and shares no pair with another. "
    "Computed: pairs of equal versions, with every epoch of the candidate longer by this share. "
    "Too few pairs: undecided with too few for a verdict. Share slower: 95 % Wilson interval in "
    "percent; without a slowdown, those with too few pairs are left out. Load (before a decision), "
    f"estimate (of softmax-bench ab), pairs, time: medians. Loaded: a load of {LOADED:g} or more. "
    f"Busy: less, but other processes took more than {100 * MAX_OTHERS:g} % of all processors' "
    f"time, or the hypervisor more than {100 * MAX_STEAL:g} %."
)
SHIFTS = (0.02, 0.05)


@dataclass(frozen=True)
class ShiftedDecision(MeasuredDecision):
    """A decision of which every epoch of the candidate was made longer by computing."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the decisions of a count have in common."""

    case: str
    slowdown: Slowdown | None  # of the candidate
    budget: float  # seconds of a comparison
    machine: str  # see ``name_load``
    in_two_places: bool  # the sides ran in two places
    how: str  # a slowdown came into the candidate: "injected" or "computed"


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How independent decisions of one group ended."""

    group: Group
    verdicts: Mapping[CaseVerdict, int]  # numbers of decisions, without failed ones
    failed: int  # comparisons without a decision
    too_few_pairs: int  # undecided with fewer pairs than the smallest number that can decide
    pairs: float  # this and the following are medians of a decision
    seconds: float
    load: float  # of the machine, before it
    estimate: float  # the ratio of candidate to baseline

    @property
    def total(self) -> int:
        """The number of decisions."""
        return sum(self.verdicts.values())

    @property
    def slower_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share of decisions that say "slower".

        Of a version compared with itself, only those count that could have said so.
        """
        could = self.total - (0 if self.group.slowdown else self.too_few_pairs)
        if not could:
            return 0.0, 1.0
        return compute_wilson_interval(self.verdicts.get("slower", 0), could)


@dataclass(frozen=True, slots=True)
class PairNoise:
    """How far two equal processes are apart, of the decisions of one group without a slowdown.

    Standard deviations of logarithms.
    """

    group: Group
    pairs: int
    alternated_deviation: float  # of the ratio that a pair contributes
    # Of the ratio of the medians of two processes of one version, one after the other.
    successive_deviation: float


def count_decisions(decisions: Iterable[MeasuredDecision]) -> list[DecisionCount]:
    """Count decisions by group: without a slowdown first, then by budget and machine."""
    counts = []
    for group, members in group_decisions(decisions):
        judged = [decision for decision in members if decision.verdict in TIMED]
        loads = [decision.design.conditions.get("load_before") or 0.0 for decision in judged]
        estimates = [
            compute_ratio(decision.logs, ALPHA).mean for decision in judged if decision.logs
        ]
        too_few = [
            decision
            for decision in judged
            if len(decision.pairs) < count_fewest_pairs(decision.plan.rule.alpha_per_test)
        ]
        counts.append(
            DecisionCount(
                group,
                verdicts=Counter(decision.verdict for decision in judged if decision.verdict),
                failed=len(members) - len(judged),
                too_few_pairs=len(too_few),
                pairs=median([len(decision.pairs) for decision in judged] or [0]),
                seconds=median([measure_seconds(decision) for decision in judged] or [0.0]),
                load=median(loads or [0.0]),
                estimate=median(estimates or [1.0]),
            )
        )
    return counts


def measure_seconds(decision: MeasuredDecision) -> float:
    """Return the seconds from the start of the first process to the end of the last one."""
    records = decision.measured.records
    first, last = (parse_seconds(records[at].started) for at in (0, -1))
    return last - first + (records[-1].wall_seconds or 0.0)


def shift_decision(decision: MeasuredDecision, share: float) -> ShiftedDecision:
    """Return a decision of which every epoch of the candidate is longer by exactly this share."""
    factors = {BASELINE: 1.0, CANDIDATE: 1 + share}
    records = [
        msgspec.structs.replace(
            record,
            epoch_seconds=[s * factors[record.version] for s in record.epoch_seconds],
            epoch_cpu_seconds=[s * factors[record.version] for s in record.epoch_cpu_seconds],
        )
        for record in decision.measured.records
    ]
    design = msgspec.structs.replace(decision.design, slowdown=Slowdown(share))
    return ShiftedDecision(decision.plan, design, replace(decision.measured, records=records))


def measure_pair_noise(decisions: Iterable[MeasuredDecision]) -> list[PairNoise]:
    """Return by how much less two equal processes differ if their epochs are trained in turn.

    Of the same processes of alternating pairs, so neither way had the better minutes.
    """
    noise = []
    for group, members in group_decisions(decisions):
        if group.slowdown is not None:
            continue
        alternated, successive = [], []
        for decision in members:
            pairs = [pair for pair in decision.pairs if pair[0].alternated]
            logs = (compute_log_ratio(EPOCH, *pair, decision.plan.reach) for pair in pairs)
            alternated += [log for log in logs if log is not None]
            baselines = [math.log(median(baseline.epoch_seconds)) for baseline, _ in pairs]
            successive += [after - before for before, after in pairwise(baselines)]
        if len(successive) > 1:
            noise.append(PairNoise(group, len(alternated), stdev(alternated), stdev(successive)))
    return noise


def compute_wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share of independent decisions."""
    bounds = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(bounds.low), float(bounds.high)


def name_load(conditions: Mapping[str, float | None], processors: float) -> str:
    """Return whether the machine was "loaded", "busy" or "quiet", or "not known".

    Loaded: a load of ``LOADED`` or more before the comparison. Busy: other processes took more than
    5 % of all processors' time, or the hypervisor more than 1 %: the limits of a disturbed run.
    """
    if (conditions.get("load_before") or 0.0) >= LOADED:
        return "loaded"
    seconds = (conditions.get("seconds") or 0.0) * processors
    others, steal = conditions.get("others_seconds"), conditions.get("steal_seconds")
    if not seconds or others is None:
        return "not known"
    disturbed = others > MAX_OTHERS * seconds or (steal or 0.0) > MAX_STEAL * seconds
    return "busy" if disturbed else "quiet"


def count_processors(decision: MeasuredDecision) -> float:
    """Return the number of processors of the machine that measured a decision."""
    environment = next(iter(decision.measured.environments.values()), None)
    facts = environment.machine if environment else {}
    return float(facts.get("processors") or facts.get("cores") or 1)


def group_decisions(
    decisions: Iterable[MeasuredDecision],
) -> list[tuple[Group, list[MeasuredDecision]]]:
    """Return the groups and their decisions, in the order of the tables."""
    groups: dict[Group, list[MeasuredDecision]] = defaultdict(list)
    for decision in decisions:
        group = Group(
            decision.case,
            decision.design.slowdown,
            decision.plan.budget,
            name_load(decision.design.conditions, count_processors(decision)),
            not decision.plan.baseline.kind == decision.plan.candidate.kind == "tree",
            "computed" if isinstance(decision, ShiftedDecision) else "injected",
        )
        groups[group].append(decision)

    def sort_key(group: Group) -> tuple[object, ...]:
        slowdown = group.slowdown
        injected = (slowdown.every, slowdown.share) if slowdown else (0, 0.0)
        return group.case, injected, group.budget, group.machine, group.how

    return sorted(groups.items(), key=lambda item: sort_key(item[0]))


# ----- tables


def describe_slowdown(slowdown: Slowdown | None) -> str:
    """Return what was injected into the candidate."""
    if slowdown is None:
        return "nothing"
    share = f"{100 * slowdown.share:g} %"
    return share if slowdown.every == 1 else f"{share} in one epoch of {slowdown.every}"


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
        "pair_noise": [
            {"design": fields.pop("group"), **fields} for fields in map(asdict, pair_noise)
        ],
        "left_out": calibrations.faults,
    }
    same = [count for count in counts if count.group.slowdown is None]
    slowed = [count for count in counts if count.group.slowdown is not None]
    table_list = [
        _tabulate_counts("False alarms: a version compared with itself", same),
        _tabulate_counts("Slowdowns", slowed),
        _tabulate_pair_noise(pair_noise),
        _tabulate_noise(calibrations),
    ]
    remarks = [*calibrations.faults, *([] if calibrations.cases or counts else [EMPTY])]
    machines = dict.fromkeys(of.machine.get("name") for of in calibrations.environments)
    remarks += [f"measured on {name}" for name in machines if name]
    if failed := sum(count.failed for count in counts):
        remarks.append(f"{failed} comparisons failed and are not counted")
    return ComparisonOutput([table for table in table_list if table.lines], remarks, (), document)


def _document_count(count: DecisionCount) -> dict[str, object]:
    group = count.group
    low, high = count.slower_interval if count.total else (None, None)
    return {
        "case": group.case,
        "injected": describe_slowdown(group.slowdown),
        "how": group.how if group.slowdown else None,
        "budget": group.budget,
        "machine": group.machine,
        "load": count.load,
        "two_places": group.in_two_places,
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
        group, verdicts = count.group, count.verdicts
        low, high = count.slower_interval
        slowed = {"slowdown": describe_slowdown(group.slowdown), "how": group.how}
        lines.append(
            {
                "case": group.case,
                **(slowed if group.slowdown else {}),
                "budget": numbers.format_wall_time(group.budget),
                "machine": _describe_machine(group),
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


def _describe_machine(group: Group) -> str:
    return group.machine if group.in_two_places else f"{group.machine}, sides in one place"


def _tabulate_pair_noise(noises: Sequence[PairNoise]) -> Table:
    lines = [
        {
            "case": noise.group.case,
            "budget": numbers.format_wall_time(noise.group.budget),
            "machine": _describe_machine(noise.group),
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
        f"The spread between hours needs {MIN_HOURS} hours; softmax-bench compare judges by it."
    )
    return tables.tabulate_lines("How noisy this machine is", lines, 1, note)


def _estimate_pair_deviation(logs: Sequence[float]) -> float | None:
    return stdev(logs) if len(logs) > 1 else None
