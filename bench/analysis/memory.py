"""Peak memory of each implementation after each phase."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from bench.records.schema import Case, Record, TrialRecord

PHASES = ("start", "import", "data", "set-up", "first epoch", "epochs", "predictions")


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak resident bytes of one case at the end of each phase, averaged over its processes.

    The peak only rises: a phase adds the difference to the phase before. Memory-mapped data count
    as soon as they are read.
    """

    case: Case
    peaks: dict[str, float]


def summarize_memory(records: Iterable[Record]) -> list[Memory]:
    """Return the memory of every case with successful trials that recorded it, in record order."""
    by_case: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord) and record.status == "ok" and record.phase_rss_bytes:
            by_case[record.case.slug].append(record)
    summaries = []
    for trials in by_case.values():
        peaks = {}
        for phase in PHASES:
            recorded = [value for trial in trials if (value := trial.phase_rss_bytes.get(phase))]
            if recorded:
                peaks[phase] = fmean(recorded)
        summaries.append(Memory(trials[0].case, peaks))
    return summaries
