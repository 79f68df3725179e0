"""Memory of each implementation: its peak after each phase."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.result import Case, Record

PHASES = ("start", "import", "data", "set-up", "first epoch", "epochs", "predictions")


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
