"""Memory of each implementation: its peak after each phase, and how that grows with the samples."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.intervals import Interval, student
from bench.result import Case, Record

PHASES = ("start", "import", "data", "set-up", "first epoch", "epochs", "predictions")
# So many sizes give an interval: a line goes through any two points.
FEWEST = 4


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak resident bytes of one case up to the end of each phase: mean over its processes.

    The peak only rises; what a phase adds is the difference to the one before. Data that are mapped
    count as soon as they are read.
    """

    case: Case
    peaks: dict[str, float]


def memories(records: Iterable[Record]) -> list[Memory]:
    """Return the memory of every case with good trials that tell it, in their order."""
    by_case: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.kind == "trial" and record.status == "ok" and record.phase_rss_bytes:
            by_case[record.case.slug].append(record)
    return [Memory(trials[0].case, _means(trials)) for trials in by_case.values()]


def _means(trials: Sequence[Record]) -> dict[str, float]:
    known = {
        phase: [value for trial in trials if (value := trial.phase_rss_bytes.get(phase))]
        for phase in PHASES
    }
    return {phase: fmean(values) for phase, values in known.items() if values}


def growth(found: Iterable[Memory]) -> dict[str, Interval]:
    """Return bytes that a sample more takes, by implementation, where samples were varied.

    The slope of a least-squares line through the peaks after the last epoch, over the samples, at
    the batch size with most of them; with its t interval at 95 % from four numbers of samples on.
    """
    groups: dict[str, dict[tuple[int, int], dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for one in found:
        if "epochs" in one.peaks:
            group = groups[one.case.implementation][one.case.batch_size, one.case.threads]
            group[one.case.samples] = one.peaks["epochs"]
    longest = {name: max(sizes.values(), key=len) for name, sizes in groups.items()}
    return {name: _slope(points) for name, points in longest.items() if len(points) > 1}


def _slope(points: dict[int, float]) -> Interval:
    middle, level = fmean(points), fmean(points.values())
    spread = sum((samples - middle) ** 2 for samples in points)
    slope = sum((x - middle) * (y - level) for x, y in points.items()) / spread
    freedom = len(points) - 2
    if len(points) < FEWEST:
        return Interval(slope)
    left = sum((y - level - slope * (x - middle)) ** 2 for x, y in points.items())
    half = student(freedom) * (left / freedom / spread) ** 0.5
    return Interval(slope, slope - half, slope + half)
