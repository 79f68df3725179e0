"""Judge the cases of ``bench ab``: pure functions of its plan, records and looks."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

from bench.errors import UserError
from bench.records.schema import TrialRecord
from bench.regression.pairs.judge import (
    COMPUTING,
    Measured,
    PairedMetric,
    collect_pairs,
    describe_failure,
    describe_sides,
    judge_metrics,
    list_failures,
)
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.comparison_plan import ComparisonPlan, Pairing
from bench.regression.result import (
    CASE_VERDICTS,
    CaseComparison,
    CaseVerdict,
    ComparisonResult,
    MetricComparison,
    Sides,
)
from bench.regression.stats.decision import Rule, estimate_more_pairs, is_within_tolerance
from bench.regression.stats.false_alarms import LookSchedule
from bench.worker.workloads import WORKLOADS

EPOCH, MEAN_EPOCH, MEDIAN_EPOCH, MEMORY = "epoch", "mean epoch", "median epoch", "memory"
CPU_EPOCH = "epoch's CPU time"
# A larger loss of validation accuracy is wrong: twelve of 12,000 images. Results within the parity
# tolerance differ by one image at most.
MAX_ACCURACY_LOSS = 0.001

# Positive numbers of a process, None if the record lacks it; less is better. The judged epoch of
# alternated processes is the median; their ratio comes from epochs near in time (``_read_pair``).
# Of processes that ran one after the other it is the minimum, and no change is claimed unless the
# median agrees. The mean shows a slowdown of only some epochs. It is noisier, so it decides only
# where it is slower. The CPU time of one thread has less noise: it is judged instead of the epoch.
METRICS: Mapping[str, Callable[[TrialRecord], float | None]] = {
    CPU_EPOCH: lambda record: median(record.epoch_cpu_seconds or [0.0]),
    EPOCH: lambda record: (median if record.alternated else min)(record.epoch_seconds),
    MEDIAN_EPOCH: lambda record: None if record.alternated else median(record.epoch_seconds),
    "minimum epoch": lambda record: min(record.epoch_seconds) if record.alternated else None,
    MEAN_EPOCH: lambda record: fmean(record.epoch_seconds),
    "first-epoch": lambda record: record.first_epoch_seconds,
    "set-up": lambda record: record.setup_seconds,
    "import": lambda record: record.import_seconds,
    "predict": lambda record: median(record.predict_seconds) if record.predict_seconds else None,
    MEMORY: lambda record: record.peak_rss_bytes,
}


def make_program_result(
    plan: ComparisonPlan, measured: Measured[TrialRecord], *, required: bool
) -> ComparisonResult:
    """Return the result of a comparison.

    required: the user named the implementations, so that each must be compared. Raises UserError
    for a record of an unknown case.
    """
    cases = judge_cases(plan, measured.records, measured.looks)
    for absent in plan.absent:
        verdict: CaseVerdict = (
            "missing in candidate" if absent.side == CANDIDATE else "missing in baseline"
        )
        cases.append(CaseComparison(absent.implementation, "", verdict, remarks=(absent.reason,)))
    baseline, candidate = describe_sides(plan, measured)
    return ComparisonResult(
        command="softmax-bench ab",
        baseline=baseline,
        candidate=candidate,
        rule=plan.rule,
        cases=[replace(case, required=required) for case in cases],
        gated=(choose_epoch(plan, measured.records), *plan.gates),
        created=plan.created,
    )


def choose_epoch(plan: ComparisonPlan, records: Iterable[TrialRecord]) -> str:
    """Return which epoch of a case is judged: CPU_EPOCH if its first pair computed and waited not.

    A process that waits for a core does not wait by itself.
    """
    first = [
        record
        for record in records
        if record.round == 0 and record.status == "ok" and record.alternated
    ]
    for record in first:
        wanted = sum(record.epoch_seconds) - sum(record.epoch_delay_seconds)
        if sum(record.epoch_cpu_seconds) < COMPUTING * wanted or not record.epoch_cpu_seconds:
            return EPOCH
    return CPU_EPOCH if plan.cpu_time and first else EPOCH


def judge_cases(
    plan: ComparisonPlan, records: Iterable[TrialRecord], looks: Mapping[str, LookSchedule]
) -> list[CaseComparison]:
    """Judge every case that has records, in the order of the plan.

    looks: by the name of the pairing. Raises UserError for a record of an unknown case.
    """
    by_case = group_records(plan, records)
    gated = {name: {choose_epoch(plan, group), *plan.gates} for name, group in by_case.items()}
    measured: dict[tuple[str, str], PairedMetric] = {}
    for name, group in by_case.items():
        pairs = collect_pairs(group)
        for metric in METRICS if CPU_EPOCH in gated[name] else METRICS.keys() - {CPU_EPOCH}:
            values = [value for pair in pairs if (value := _read_pair(metric, *pair, plan.reach))]
            if values:
                unit = "bytes" if metric == MEMORY else "seconds"
                logs = [math.log(after / before) for before, after in values]
                paired = PairedMetric(metric, unit, values, logs, looks.get(name, ()), plan.rule)
                measured[name, metric] = paired
    gating = {key for key in measured if key[1] in gated[key[0]]}
    judged = judge_metrics(measured, gating, plan.rule.family)
    cases = []
    for pairing in plan.pairings:
        if pairing.name not in by_case:
            continue
        metrics = {name: judged[key] for name in METRICS if (key := (pairing.name, name)) in judged}
        count = len(measured[pairing.name, EPOCH].values) if EPOCH in metrics else 0
        if EPOCH in metrics:
            median_epoch = metrics.get(MEDIAN_EPOCH)
            metrics[EPOCH] = _check_median(metrics[EPOCH], median_epoch, count, plan.rule)
            metrics[MEAN_EPOCH] = replace(metrics[MEAN_EPOCH], more_pairs=None)
        if CPU_EPOCH in metrics:
            metrics[CPU_EPOCH] = replace(metrics[CPU_EPOCH], statistic="median")
        group = by_case[pairing.name]
        cases.append(_judge_case(pairing, group, metrics, gated[pairing.name], count))
    return cases


def _check_median(
    epoch: MetricComparison, median_epoch: MetricComparison | None, pairs: int, rule: Rule
) -> MetricComparison:
    """Name the statistic; leave "no change" open if the median epoch leaves the tolerance.

    median_epoch: None if the judged epoch is the median itself.
    """
    if median_epoch is None:
        return replace(epoch, statistic="median")
    if epoch.verdict == "no change" and not is_within_tolerance(median_epoch.ratio, rule):
        more = estimate_more_pairs(median_epoch.ratio, pairs, rule)
        epoch = replace(epoch, verdict="undecided", more_pairs=more)
    return replace(epoch, statistic="minimum")


def group_records(
    plan: ComparisonPlan, records: Iterable[TrialRecord]
) -> dict[str, list[TrialRecord]]:
    """Return records by the name of their pairing. Raises UserError for one of an unknown case."""
    names = {(BASELINE, pairing.baseline.slug): pairing.name for pairing in plan.pairings}
    names |= {(CANDIDATE, pairing.candidate.slug): pairing.name for pairing in plan.pairings}
    groups = defaultdict(list)
    for record in records:
        key = record.version, record.case.slug
        if key not in names:
            raise UserError(
                f"trial {record.trial} belongs to no case of this comparison. Delete its record"
            )
        groups[names[key]].append(record)
    return dict(groups)


def _read_pair(
    metric: str, baseline: TrialRecord, candidate: TrialRecord, reach: int
) -> tuple[float, float] | None:
    """Return both sides' values of a metric; None if one is missing or 0.

    reach: see ``ComparisonPlan``. Where epochs alternated, the baseline's is its median epoch and
    the candidate's is that times the median ratio of epochs that are near in time. A change of the
    machine's speed in the middle of a pair moves the medians or means of both sides apart, but only
    few of these ratios.
    """
    values = METRICS[metric](baseline) or 0.0, METRICS[metric](candidate) or 0.0
    if not all(values):
        return None
    if metric in {EPOCH, CPU_EPOCH} and baseline.alternated and candidate.alternated:
        name = "epoch_seconds" if metric == EPOCH else "epoch_cpu_seconds"
        logs = [
            math.log(after / before)
            for turn, after in enumerate(getattr(candidate, name))
            for before in getattr(baseline, name)[max(0, turn - reach) : turn + reach + 1]
            if before and after
        ]
        return (values[0], values[0] * math.exp(median(logs))) if logs else None
    return values


def _judge_case(
    pairing: Pairing,
    records: Sequence[TrialRecord],
    metrics: Mapping[str, MetricComparison],
    gated: set[str],
    pairs: int,
) -> CaseComparison:
    """Combine all that is known of a case; its verdict is the worst of it."""
    accuracy = _aggregate_sides(records, _final_accuracy, fmean)
    parity = _aggregate_sides(
        records, lambda record: None if record.parity is None else record.parity.error, max
    )
    remarks = list_failures(records)
    # What was not recorded need not pass: memory on some systems.
    verdicts: set[CaseVerdict] = {"undecided" if gated - metrics.keys() else "no change"}
    verdicts.update(
        metric.verdict
        for metric in metrics.values()
        if metric.verdict and (metric.name != MEAN_EPOCH or metric.verdict == "slower")
    )
    verdict = min(verdicts, key=CASE_VERDICTS.index)
    if wrong := _find_wrong_result(records, accuracy):
        verdict = "wrong"
        remarks = tuple(dict.fromkeys((*remarks, wrong)))
    elif {record.status for record in records} == {"unavailable"}:
        verdict = "unavailable"
    elif remarks:
        verdict = "failed"
    return CaseComparison(
        name=pairing.name,
        case=pairing.baseline.slug,
        verdict=verdict,
        metrics=tuple(metrics.values()),
        remarks=remarks,
        accuracy=accuracy,
        parity_error=parity,
        pairs=pairs,
        pair_seconds=_measure_pair_seconds(records),
    )


def _measure_pair_seconds(records: Sequence[TrialRecord]) -> float | None:
    """Return the median time of a pair, whose processes live together if their epochs alternate."""
    seconds = []
    for pair in collect_pairs(records):
        lives = [record.wall_seconds or 0.0 for record in pair]
        judging = sum(record.judging_seconds or 0.0 for record in pair)
        seconds.append((max(lives) if pair[0].alternated else sum(lives)) + judging)
    return median(seconds) if seconds else None


def _find_wrong_result(records: Sequence[TrialRecord], accuracy: Sides) -> str | None:
    """Return how the candidate's result is worse than the baseline's, whatever its time."""
    for record in records:
        failed = record.parity is not None and not record.parity.passed
        if record.version == CANDIDATE and failed:
            return describe_failure(record)
    before, after = accuracy
    if before is None or after is None or after >= before - MAX_ACCURACY_LOSS:
        return None
    return f"validation accuracy fell from {before:.4f} to {after:.4f}"


def _aggregate_sides(
    records: Iterable[TrialRecord],
    value: Callable[[TrialRecord], float | None],
    aggregate: Callable[[list[float]], float],
) -> Sides:
    """Return a number of each version, over all its processes."""
    values: dict[str, list[float]] = {BASELINE: [], CANDIDATE: []}
    for record in records:
        if (number := value(record)) is not None:
            values[record.version].append(number)
    baseline, candidate = (aggregate(numbers) if numbers else None for numbers in values.values())
    return baseline, candidate


def _final_accuracy(record: TrialRecord) -> float | None:
    """Return the validation accuracy after the workload's epochs; a case may have more.

    None where it has fewer, or where the two sides of a pair have orders of their own: parity alone
    compares them.
    """
    epochs, curve = WORKLOADS[record.case.workload].epochs, record.validation_accuracy
    if record.alternated or len(curve) < epochs:
        return None
    return curve[epochs - 1]
