"""What a comparison of two versions found: pure functions of its records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from bench.errors import UserError
from bench.records.schema import TrialRecord
from bench.records.store import read_looks, read_plan, read_trials
from bench.regression.paired import pair
from bench.regression.paired.metrics import EPOCH, QUANTITIES, Quantity, both, log_ratio
from bench.regression.paired.plan import Comparison, Pairing
from bench.regression.stats.decision import Verdict, more_pairs, verdicts
from bench.regression.stats.sequential import Looks
from bench.regression.stats.signed_rank import Difference, difference
from bench.worker.workloads import WORKLOADS

# Twelve of 12,000 images. What keeps within the parity's tolerance differs by none or one.
ACCURACY = 0.001

Outcome = Literal[
    "slower", "faster", "no change", "undecided", "wrong", "failed", "unavailable",
]  # fmt: skip
Pair = tuple[TrialRecord, TrialRecord]
Sides = tuple[float | None, float | None]  # the base's, the candidate's


@dataclass(frozen=True, slots=True)
class Measured:
    """One quantity of one case: median of each version's processes, difference and verdict.

    verdict is None where the quantity is only shown; more: about how many more pairs an undecided
    one takes, None where that cannot be told.
    """

    quantity: Quantity
    base: float
    candidate: float
    difference: Difference
    verdict: Verdict | None
    more: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one case. Accuracy and parity error: base's and candidate's, worst of all."""

    pairing: Pairing
    outcome: Outcome
    pairs: int
    measured: tuple[Measured, ...]
    accuracy: tuple[float | None, float | None]
    parity: tuple[float | None, float | None]
    reasons: tuple[str, ...] = ()


def read(folder: Path) -> list[Finding]:
    """Return what the comparison in a folder found; raises UserError where it holds none."""
    plan = read_plan(folder / "comparison.json", Comparison)
    return findings(plan, read_trials(folder), read_looks(folder))


def findings(
    plan: Comparison, records: Iterable[TrialRecord], looks: Mapping[str, Looks]
) -> list[Finding]:
    """Return what was found of every case that was begun, in the order of the plan.

    looks: by the name of the pairing, after how many pairs each was to be looked at.
    """
    by_name = _by_name(plan, records)
    pairs = {name: good_pairs(found) for name, found in by_name.items()}
    told = {
        (name, quantity.name): each
        for name, found in pairs.items() for quantity in QUANTITIES
        if (each := _difference(plan, quantity, found, looks.get(name, ())))
    }  # fmt: skip
    judged = verdicts({key: each for key, each in told.items() if gated(plan, key[1])}, plan.rule)
    return [
        _finding(plan, pairing, by_name[pairing.name],
                 _measured(plan, pairing.name, pairs, told, judged))
        for pairing in plan.pairings if pairing.name in by_name
    ]  # fmt: skip


def gated(plan: Comparison, quantity: str) -> bool:
    """Tell whether a quantity is judged, or only shown."""
    return quantity == EPOCH.name or quantity in plan.gates


def _by_name(plan: Comparison, records: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Sort records by the pairing that they belong to; raises UserError for one of none."""
    names = {(pair.BASE, one.base.slug): one.name for one in plan.pairings}
    names |= {(pair.CANDIDATE, one.candidate.slug): one.name for one in plan.pairings}
    found = defaultdict(list)
    for record in records:
        key = record.version, record.case.slug
        if key not in names:
            raise UserError(f"trial {record.trial} is of no case of this comparison; delete it")
        found[names[key]].append(record)
    return dict(found)


def good_pairs(records: Iterable[TrialRecord]) -> list[Pair]:
    """Return the pairs of which both went well, in the order measured; the warm-up is none."""
    sides: dict[int, dict[str, TrialRecord]] = defaultdict(dict)
    for record in records:
        if record.round > 0 and record.status == "ok":
            sides[record.round][record.version] = record
    whole = [sides[number] for number in sorted(sides) if len(sides[number]) == 2]
    return [(one[pair.BASE], one[pair.CANDIDATE]) for one in whole]


def _difference(
    plan: Comparison, quantity: Quantity, pairs: Sequence[Pair], looks: Looks
) -> Difference | None:
    """Compare one quantity; None where the records do not tell it."""
    logs = [found for two in pairs if (found := log_ratio(quantity, *two)) is not None]
    return difference(logs, made(looks, len(logs)), plan.rule.share) if logs else None


def made(looks: Looks, pairs: int) -> Looks:
    """Return the looks as they came about: measuring may have ended between two of them."""
    return looks if pairs in looks else (*(each for each in looks if each < pairs), pairs)


def _measured(
    plan: Comparison,
    name: str,
    pairs: Mapping[str, Sequence[Pair]],
    told: Mapping[tuple[str, str], Difference],
    judged: Mapping[tuple[str, str], Verdict],
) -> tuple[Measured, ...]:
    found = []
    for quantity in QUANTITIES:
        if each := told.get((name, quantity.name)):
            verdict = judged.get((name, quantity.name))
            more = more_pairs(each, plan.rule) if verdict == "undecided" else None
            base, candidate = _medians(quantity, pairs[name])
            found.append(Measured(quantity, base, candidate, each, verdict, more))
    return tuple(found)


def _medians(quantity: Quantity, pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the median of each version, of the pairs of which both tell the quantity."""
    found = (both(quantity, *two) for two in pairs)
    base, candidate = zip(*(each for each in found if each is not None), strict=True)
    return median(base), median(candidate)


def _finding(
    plan: Comparison,
    pairing: Pairing,
    records: Sequence[TrialRecord],
    measured: tuple[Measured, ...],
) -> Finding:
    """Put together what is known of a case, and name its outcome by the worst of it."""
    accuracy, parity = _sides(records, _accuracy, fmean), _sides(records, _parity, max)
    reasons = tuple(dict.fromkeys(
        f"{record.version}: {record.status}: {record.reason}"
        for record in records if record.status not in {"ok", "interrupted"}
    ))  # fmt: skip
    found = {each.verdict for each in measured}
    # What is judged and was not told, as the memory where none is read, is not known to be well.
    lacking = {EPOCH.name, *plan.gates} - {each.quantity.name for each in measured}
    if wrong := _wrong(records, accuracy):
        outcome: Outcome = "wrong"
        reasons = (*reasons, wrong) if wrong not in reasons else reasons
    elif reasons:
        # What neither version can do here is no fault of either.
        outcome = "unavailable" if _unavailable(records) else "failed"
    elif "slower" in found:
        outcome = "slower"
    elif "undecided" in found or lacking:
        outcome = "undecided"
    else:
        outcome = "faster" if "faster" in found else "no change"
    pairs = measured[0].difference.pairs if measured else 0
    return Finding(pairing, outcome, pairs, measured, accuracy, parity, reasons)


def _unavailable(records: Iterable[TrialRecord]) -> bool:
    return {record.status for record in records} == {"unavailable"}


def _wrong(records: Sequence[TrialRecord], accuracy: Sides) -> str | None:
    """Say how the candidate is worse than the base whatever its time, or nothing."""
    for record in records:
        ours = record.version == pair.CANDIDATE
        if ours and record.parity is not None and not record.parity.passed:
            return f"{record.version}: {record.status}: {record.reason}"
    base, candidate = accuracy
    if base is not None and candidate is not None and candidate < base - ACCURACY:
        return f"validation accuracy fell from {base:.4f} to {candidate:.4f}"
    return None


def _sides(
    records: Iterable[TrialRecord],
    value: Callable[[TrialRecord], float | None],
    of: Callable[[list[float]], float],
) -> Sides:
    """Return a number of each version, over all its processes."""
    found: dict[str, list[float]] = {pair.BASE: [], pair.CANDIDATE: []}
    for record in records:
        if (number := value(record)) is not None:
            found[record.version].append(number)
    base, candidate = (of(each) if each else None for each in found.values())
    return base, candidate


def _accuracy(record: TrialRecord) -> float | None:
    """Accuracy after the workload's own epochs: a case may have more, and its first pair has not.

    One side has a process more where measuring was interrupted within a pair.
    """
    found = record.validation_accuracy[: WORKLOADS[record.case.workload].epochs]
    return found[-1] if found else None


def _parity(record: TrialRecord) -> float | None:
    return None if record.parity is None else record.parity.error
