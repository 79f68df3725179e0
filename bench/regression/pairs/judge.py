"""What judges of pairs have in common: what was measured, which pairs count, what they show."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Generic, TypeVar

from bench.analysis.intervals import Key, adjust_holm
from bench.errors import UserError
from bench.records.environments import list_versions
from bench.records.schema import AnyRecord, CommandRecord, Environment, Looks, TrialRecord
from bench.records.store import read_looks, read_whole
from bench.regression.pairs.plan import BASELINE, CANDIDATE, PairedPlan
from bench.regression.result import ComparedVersion, MetricComparison
from bench.regression.stats.decision import Rule, decide_metric, estimate_more_pairs
from bench.regression.stats.false_alarms import MAX_PAIRS, LookSchedule
from bench.regression.stats.signed_rank import compare_pairs

PairedRecord = TypeVar("PairedRecord", bound=TrialRecord | CommandRecord)

# The share of its time for which a process computes, if its CPU time is judged.
COMPUTING = 0.8


@dataclass(frozen=True, slots=True)
class PairedMetric:
    """One metric of a case, in all pairs that have it."""

    name: str
    unit: str
    values: Sequence[tuple[float, float]]  # of both sides
    logs: Sequence[float]  # of their ratios, in the order measured
    looks: LookSchedule
    rule: Rule


@dataclass(frozen=True, slots=True)
class Measured(Generic[PairedRecord]):
    """What a comparison has measured; nothing by default."""

    records: Sequence[PairedRecord] = ()  # in the order measured
    environments: Mapping[str, Environment] = field(default_factory=dict)  # by id
    looks: Mapping[str, Looks] = field(default_factory=dict)  # by case; of a command "command"


def read_measured(folder: Path, kind: type[PairedRecord]) -> Measured[PairedRecord]:
    """Read the folder of a comparison. Raises UserError if anything is damaged."""
    contents = read_whole(folder)
    everything: list[AnyRecord] = [*contents.records, *contents.commands]
    records = [record for record in everything if isinstance(record, kind)]
    return Measured(records, contents.environments, read_looks(folder))


def describe_sides(plan: PairedPlan, measured: Measured[PairedRecord]) -> list[ComparedVersion]:
    """Return the versions with the software that their processes had, and their machine."""
    sides = []
    for side, version in ((BASELINE, plan.baseline), (CANDIDATE, plan.candidate)):
        used = {record.environment for record in measured.records if record.version == side}
        environments = [measured.environments[key] for key in used]
        machine = environments[0].machine if environments else {}
        sides.append(
            ComparedVersion(
                version.name,
                version.commit,
                machine=str(machine["id"]) if "id" in machine else None,
                host=str(machine.get("name", "")),
                software=list_versions(environments),
                env=version.env,
            )
        )
    return sides


def judge_metrics(
    metrics: Mapping[Key, PairedMetric], judged: Collection[Key], family: int
) -> dict[Key, MetricComparison]:
    """Return all metrics of a comparison. Those that are judged have verdicts.

    family: the number of tests judged together.
    """
    differences = {
        key: compare_pairs(
            metric.logs,
            close_schedule(metric.looks, len(metric.logs)),
            metric.rule.alpha_per_test,
        )
        for key, metric in metrics.items()
    }
    slower = adjust_holm({key: differences[key].p_slower for key in judged}, family)
    faster = adjust_holm({key: differences[key].p_faster for key in judged}, family)
    comparisons = {}
    for key, metric in metrics.items():
        difference, verdict, more_pairs = differences[key], None, None
        if key in judged:
            verdict = decide_metric(difference.ratio, metric.rule, slower[key], faster[key])
        if verdict == "undecided":
            more_pairs = estimate_more_pairs(difference.ratio, len(metric.logs), metric.rule)
        comparisons[key] = MetricComparison(
            metric.name,
            metric.unit,
            baseline=median(before for before, _ in metric.values),
            candidate=median(after for _, after in metric.values),
            ratio=difference.ratio,
            p_slower=difference.p_slower,
            p_faster=difference.p_faster,
            verdict=verdict,
            more_pairs=more_pairs,
        )
    return comparisons


def collect_pairs(records: Iterable[PairedRecord]) -> list[tuple[PairedRecord, PairedRecord]]:
    """Return the pairs of which both processes succeeded, in order, without those that warm up.

    Each as the baseline's record and the candidate's.
    """
    sides: dict[int, dict[str, PairedRecord]] = defaultdict(dict)
    for record in records:
        if record.round > 0 and record.status == "ok":
            sides[record.round][record.version] = record
    complete = [pair for _, pair in sorted(sides.items()) if pair.keys() == {BASELINE, CANDIDATE}]
    if len(complete) > MAX_PAIRS:
        raise UserError(f"a comparison has {MAX_PAIRS:,} pairs at most. Delete this one")
    return [(pair[BASELINE], pair[CANDIDATE]) for pair in complete]


def close_schedule(looks: LookSchedule, pairs: int) -> LookSchedule:
    """Return the schedule whose last look is at this many pairs, where measuring has ended.

    If that is a planned look, the level of all planned looks holds: return them all.
    """
    return looks if pairs in looks else (*(look for look in looks if look < pairs), pairs)


def list_failures(records: Iterable[TrialRecord] | Iterable[CommandRecord]) -> tuple[str, ...]:
    """Return how processes failed; the same failure of several is one remark."""
    return tuple(
        dict.fromkeys(
            describe_failure(record)
            for record in records
            if record.status not in {"ok", "interrupted"}
        )
    )


def describe_failure(record: TrialRecord | CommandRecord) -> str:
    """Return which side failed, how and why."""
    side = "baseline" if record.version == BASELINE else "candidate"
    return f"{side}: {record.status}: {record.reason}"
