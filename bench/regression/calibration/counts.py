"""Count the decisions of calibrations, which are independent: no two of them share a pair."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, stdev

from scipy.stats import binomtest

from bench.analysis.noise import MAX_OTHERS, MAX_STEAL
from bench.records.schema import Slowdown
from bench.regression.calibration.spread import MeasuredDecision
from bench.regression.paired.judge_pairs import EPOCH, compute_log_ratio
from bench.regression.result import TIMED, CaseVerdict
from bench.regression.stats.false_alarms import ALPHA, count_fewest_pairs
from bench.regression.stats.signed_rank import estimate_ratio

LOADED = 3.0  # the mean load of a minute


@dataclass(frozen=True, slots=True)
class Design:
    """What the decisions of a count have in common.

    slowdown: of the candidate. budget: seconds of a comparison. machine: see ``name_load``.
    in_two_places: whether the sides ran in two places. how: see ``MeasuredDecision``.
    """

    case: str
    slowdown: Slowdown | None
    budget: float
    machine: str
    in_two_places: bool
    how: str


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How independent decisions of one design ended.

    verdicts: numbers of decisions, without failed ones. failed: comparisons without a decision.
    too_few_pairs: undecided ones that had fewer pairs than the smallest number that can decide.
    Medians of a decision: pairs, seconds, load (of the machine, before it) and estimate (the ratio
    of candidate to baseline).
    """

    design: Design
    verdicts: Mapping[CaseVerdict, int]
    failed: int
    too_few_pairs: int
    pairs: float
    seconds: float
    load: float
    estimate: float

    @property
    def total(self) -> int:
        """The number of decisions."""
        return sum(self.verdicts.values())

    @property
    def slower_interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the share of decisions that say "slower".

        Of a version compared with itself, only those count that could have said so.
        """
        could = self.total - (0 if self.design.slowdown else self.too_few_pairs)
        if not could:
            return 0.0, 1.0
        return compute_wilson_interval(self.verdicts.get("slower", 0), could)


@dataclass(frozen=True, slots=True)
class PairNoise:
    """How far two equal processes are apart, of the decisions of one design without a slowdown.

    Standard deviations of logarithms. alternated_deviation: of the ratio that a pair contributes.
    successive_deviation: of the ratio of the medians of two processes of one version, one after the
    other.
    """

    design: Design
    pairs: int
    alternated_deviation: float
    successive_deviation: float


def count_decisions(decisions: Iterable[MeasuredDecision]) -> list[DecisionCount]:
    """Count decisions by design: without a slowdown first, then by budget and machine."""
    counts = []
    for design, group in _group_by_design(decisions):
        judged = [one for one in group if one.verdict in TIMED]
        loads = [one.design.conditions.get("load_before") or 0.0 for one in judged]
        estimates = [estimate_ratio(one.logs, ALPHA).mean for one in judged if one.logs]
        too_few = [
            one
            for one in judged
            if len(one.pairs) < count_fewest_pairs(one.plan.rule.alpha_per_test)
        ]
        counts.append(
            DecisionCount(
                design,
                verdicts=Counter(one.verdict for one in judged if one.verdict),
                failed=len(group) - len(judged),
                too_few_pairs=len(too_few),
                pairs=median([len(one.pairs) for one in judged] or [0]),
                seconds=median([one.seconds for one in judged] or [0.0]),
                load=median(loads or [0.0]),
                estimate=median(estimates or [1.0]),
            )
        )
    return counts


def measure_pair_noise(decisions: Iterable[MeasuredDecision]) -> list[PairNoise]:
    """Return by how much less two equal processes differ if their epochs are trained in turn.

    Of the same processes of alternating pairs, so neither way had the better minutes.
    """
    noise = []
    for design, group in _group_by_design(decisions):
        if design.slowdown is not None:
            continue
        alternated, successive = [], []
        for decision in group:
            pairs = [pair for pair in decision.pairs if pair[0].alternated]
            logs = (compute_log_ratio(EPOCH, *pair) for pair in pairs)
            alternated += [log for log in logs if log is not None]
            baselines = [math.log(median(baseline.epoch_seconds)) for baseline, _ in pairs]
            successive += [after - before for before, after in pairwise(baselines)]
        if len(successive) > 1:
            noise.append(PairNoise(design, len(alternated), stdev(alternated), stdev(successive)))
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


def _group_by_design(
    decisions: Iterable[MeasuredDecision],
) -> list[tuple[Design, list[MeasuredDecision]]]:
    groups: dict[Design, list[MeasuredDecision]] = defaultdict(list)
    for decision in decisions:
        design = Design(
            decision.case,
            decision.design.slowdown,
            decision.plan.budget,
            name_load(decision.design.conditions, decision.processors),
            decision.in_two_places,
            decision.how,
        )
        groups[design].append(decision)

    def sort_key(design: Design) -> tuple[object, ...]:
        slowdown = design.slowdown
        injected = (slowdown.every, slowdown.share) if slowdown else (0, 0.0)
        return design.case, injected, design.budget, design.machine, design.how

    return sorted(groups.items(), key=lambda group: sort_key(group[0]))
