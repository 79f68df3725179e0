"""Two stored measurements compared: pure functions of two sides and of what calibrating showed.

Processes of one run share its minutes, and a run an hour later has others: how much the processes
of a run differ among themselves says nothing of how much runs differ. So what one run shows is
never held against its own spread, but against the one between blocks that calibrating measured; and
where nobody has calibrated, only a large ratio is called anything.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from bench.analysis.intervals import Interval
from bench.regression.calibration.spread import Spread
from bench.regression.paired.result import ACCURACY, Sides
from bench.regression.stats.decision import Rule, Verdict, verdicts
from bench.regression.stats.signed_rank import Difference
from bench.regression.stored.series import Series, Side

# Seconds that can be a time: a thousandth of a clock's tick, thirty years. Ratios of what is beyond
# may be no numbers.
SHORTEST, LONGEST = 1e-12, 1e9

# Half an interval, as a logarithm: one that reaches to e ** 50 times the ratio tells nothing.
WIDEST = 50.0

SINGLE = "one process on a side and no calibration: it may be off by more than 20 %"

Outcome = Literal[
    "wrong", "slower", "failed", "missing in baseline", "missing in candidate", "undecided",
    "faster", "no change", "unavailable",
]  # fmt: skip
Spreads = Callable[[str], Spread | None]


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one case. Of pairs the first is the baseline's, the second the candidate's.

    seconds: geometric mean, over processes, of each one's least time. epochs: so many times of each
    process count, the same number everywhere: of more the least is less. difference: None where
    the case was not calibrated; ratio: then it has no bounds. spread: what calibrating measured.
    processes: that went well. tried: with those that did not.
    """

    name: str
    outcome: Outcome
    remarks: tuple[str, ...] = ()
    seconds: Sides = (None, None)
    ratio: Interval | None = None
    difference: Difference | None = None
    spread: Spread | None = None
    epochs: int = 0
    processes: tuple[int, int] = (0, 0)
    tried: tuple[int, int] = (0, 0)
    accuracy: Sides = (None, None)


def compare(
    baseline: Side, candidate: Side, spreads: Spreads, rule: Rule, between_runs: float
) -> list[Compared]:
    """Judge every case of either side, in the order of the baseline; those it lacks come last.

    spreads: gives a case's spread between runs, None where it was not calibrated. rule: its family
    is found here, as all cases that can be tested. between_runs: a ratio beyond 1 + between_runs,
    or below its inverse, is called slower or faster without a calibration.
    """
    names = dict.fromkeys((*baseline.series, *candidate.series))
    found = [_begun(name, baseline.series.get(name), candidate.series.get(name)) for name in names]
    found = [_known(each, spreads) for each in found]
    family = sum(each.spread is not None for each in found)
    rule = replace(rule, family=max(1, family))
    found = [_tested(each, rule) for each in found]
    judged = verdicts({each.name: each.difference for each in found if each.difference}, rule)
    margin = 1 + max(between_runs, rule.tolerance)
    return [_judged(each, judged.get(each.name), margin) for each in found]


def difference(
    ratio: float, spread: Spread, processes: tuple[int, int], share: float
) -> Difference:
    """Hold a ratio of two runs against the spread between runs: Student's t on the logarithm.

    It has one degree of freedom less than there were blocks: they are what the spread between runs
    is known from. share: the rate of false alarms that the interval keeps to on each side.
    Raises ValueError where the spread is nought: against it everything would be significant.
    """
    from scipy.stats import t

    log, deviation, freedom = math.log(ratio), spread.of_two_runs(*processes), spread.count - 1
    if not deviation > 0:
        raise ValueError("no spread, no difference")
    half = float(t.isf(share, freedom)) * deviation
    bounds = (math.exp(log - half), math.exp(log + half)) if half < WIDEST else (None, None)
    return Difference(
        min(processes), Interval(ratio, *bounds),
        slower=float(t.sf(log / deviation, freedom)), faster=float(t.cdf(log / deviation, freedom)),
    )  # fmt: skip


def seen(spread: Spread, processes: tuple[int, int], rule: Rule, power: float = 0.95) -> float:
    """Return the slowdown that two runs of so many processes show so often, as a share.

    By the test of ``difference``, with the normal distribution for what the runs happen to be.
    """
    from scipy.stats import norm, t

    level = float(t.isf(rule.share, spread.count - 1)) + float(norm.isf(1 - power))
    return math.expm1(level * spread.of_two_runs(*processes))


def _begun(name: str, base: Series | None, candidate: Series | None) -> Compared:
    """Say what is known of a case without a test: what can be tested is *undecided* until it is."""
    remarks = (*_remarks(base, "baseline"), *_remarks(candidate, "candidate"), *_wrong(candidate))
    if base is None or candidate is None:
        missing: Outcome = "missing in baseline" if base is None else "missing in candidate"
        outcome = _alone(base, candidate) or missing
        return Compared(name, outcome, (*remarks, *(missing,) * (outcome != missing)))
    accuracy = (base.accuracy, candidate.accuracy)
    fallen = _fallen(accuracy)
    begun = Compared(
        name, _outcome(base, candidate, fallen), accuracy=accuracy,
        processes=(len(base.processes), len(candidate.processes)),
        tried=(base.tried, candidate.tried),
    )  # fmt: skip
    if not (_faults(base) or _faults(candidate)):
        begun = _timed(begun, base, candidate)
    return replace(begun, remarks=(*remarks, *fallen, *_unequal(begun, base, candidate)))


def _alone(base: Series | None, candidate: Series | None) -> Outcome | None:
    """Name what is worse than that the other side lacks a case; None where nothing is."""
    if candidate is not None and candidate.wrong is not None:
        return "wrong"
    failed = any(each and _faults(each) and not each.unavailable for each in (base, candidate))
    return "failed" if failed else None


def _outcome(base: Series, candidate: Series, fallen: Sequence[str]) -> Outcome:
    """Name the worst that two sides show without their times; undecided where all is well."""
    if candidate.wrong is not None or fallen:
        return "wrong"
    if base.unavailable and candidate.unavailable:
        return "unavailable"
    if any(_faults(each) and not each.unavailable for each in (base, candidate)):
        return "failed"
    if base.unavailable:
        return "missing in baseline"
    return "missing in candidate" if candidate.unavailable else "undecided"


def _faults(of: Series) -> tuple[str, ...]:
    """Return what went wrong, and what cannot be a time."""
    if of.faults:
        return of.faults
    if not of.processes:
        return ("no process went well",)
    good = all(process and all(SHORTEST <= each <= LONGEST for each in process)
               for process in of.processes)  # fmt: skip
    return () if good else ("failed: a process has no times, or one that is none",)


def _remarks(of: Series | None, side: str) -> tuple[str, ...]:
    """Say each thing that went wrong on one side once, and how often it did."""
    faults = _faults(of) if of else ()
    return tuple(
        f"{side}: {' '.join(each.split())} ({faults.count(each)} of {of.tried if of else 0})"
        for each in dict.fromkeys(faults)
    )


def _wrong(candidate: Series | None) -> tuple[str, ...]:
    """Say why the candidate's result is wrong, where its faults do not."""
    wrong = candidate.wrong if candidate else None
    if candidate is None or wrong is None or wrong in candidate.faults:
        return ()
    return (f"candidate: {' '.join(wrong.split())}",)


def _fallen(accuracy: Sides) -> tuple[str, ...]:
    base, candidate = accuracy
    if base is None or candidate is None or candidate >= base - ACCURACY:
        return ()
    return (f"validation accuracy fell from {base:.4f} to {candidate:.4f}",)


def _unequal(of: Compared, base: Series, candidate: Series) -> tuple[str, ...]:
    """Say where the two sides were not measured alike."""
    found = []
    if base.tried != candidate.tried:
        found.append(
            f"unequal rounds: {base.tried} in the baseline, {candidate.tried} in the candidate"
        )
    most = max((len(each) for each in (*base.processes, *candidate.processes)), default=0)
    if 0 < of.epochs < most:
        found.append(f"the first {of.epochs} of up to {most} times of a process count, as many "
                     "as every process has")  # fmt: skip
    return tuple(found)


def _timed(begun: Compared, base: Series, candidate: Series) -> Compared:
    """Compare the least of equally many times: of more, the least is less."""
    epochs = min(len(each) for each in (*base.processes, *candidate.processes))
    logs = [
        fmean(math.log(min(process[:epochs])) for process in side.processes)
        for side in (base, candidate)
    ]
    ratio = Interval(math.exp(logs[1] - logs[0]))
    return replace(begun, epochs=epochs, seconds=(math.exp(logs[0]), math.exp(logs[1])),
                   ratio=ratio)  # fmt: skip


def _known(begun: Compared, spreads: Spreads) -> Compared:
    """Add the spread between runs, where it is known and no deviation of nought."""
    if begun.outcome != "undecided":
        return begun
    spread = spreads(begun.name)
    known = spread is not None and spread.of_two_runs(*begun.processes) > 0
    return replace(begun, spread=spread if known else None)


def _tested(begun: Compared, rule: Rule) -> Compared:
    if begun.spread is None or begun.ratio is None:
        return begun
    found = difference(begun.ratio.mean, begun.spread, begun.processes, rule.share)
    return replace(begun, difference=found, ratio=found.ratio)


def _judged(of: Compared, verdict: Verdict | None, margin: float) -> Compared:
    if of.outcome != "undecided" or of.ratio is None:
        return of
    if verdict is not None:
        return replace(of, outcome=verdict)
    outcome = _by_size(of.ratio.mean, margin)
    alone = outcome != "undecided" and min(of.processes) == 1
    return replace(of, outcome=outcome, remarks=(*of.remarks, *(SINGLE,) * alone))


def _by_size(ratio: float, margin: float) -> Verdict:
    """Judge what was not calibrated: only what no two runs of the same differ by."""
    if ratio > margin:
        return "slower"
    return "faster" if ratio < 1 / margin else "undecided"
