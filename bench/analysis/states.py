"""Tell states of a machine apart: an hour later, the same machine may be twice as slow.

What is measured without a long break is of one state, as far as anybody can see. Where a run goes
on later, the rows that it had measured before show whether the machine is still the same.
"""

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from bench.records.schema import Record, TrialRecord

# Seconds without a measurement after which a machine may be in another state.
BREAK = 600.0
# In one state most rows change by less than this factor, and a single one by less than the second.
SHIFT, SHIFT_OF_ONE, FEW_ROWS = 1.1, 1.25, 3


def keep_one_state(records: Iterable[Record]) -> list[Record]:
    """Return the records of each workload that are of the state with most of its trials.

    So tables, comparisons and the stopping rule see one state of the machine. A trial that failed
    stays in any state.
    """
    records = list(records)
    states: list[list[Record]] = []
    for session in _split_sessions(records):
        if same := next((state for state in states if not _differ(state, session)), None):
            same += session
        else:
            states.append(session)
    counts = [Counter(record.case.workload for record in state) for state in states]
    kept = {
        record.trial
        for state, count in zip(states, counts, strict=True)
        for record in state
        if count is max(counts, key=lambda other: other[record.case.workload])
    }
    return [record for record in records if record.trial in kept or record.status != "ok"]


def _split_sessions(records: Iterable[Record]) -> list[list[Record]]:
    """Return records in the order measured, split where nothing was measured for BREAK seconds."""
    sessions: list[list[Record]] = []
    end = -math.inf
    for begin, record in sorted(
        ((dt.datetime.fromisoformat(record.started).timestamp(), record) for record in records),
        key=lambda pair: pair[0],
    ):
        if begin > end + BREAK:
            sessions.append([])
        sessions[-1].append(record)
        end = max(end, begin + (record.wall_seconds or 0.0))
    return sessions


def _differ(state: Sequence[Record], session: Sequence[Record]) -> bool:
    """Return whether most rows of both take longer, or most take less time, in the session."""
    before, after = map(_list_epochs, (state, session))
    factors = [median(after[slug]) / median(before[slug]) for slug in after.keys() & before.keys()]
    least = SHIFT if len(factors) >= FEW_ROWS else SHIFT_OF_ONE
    slower = sum(factor > least for factor in factors)
    faster = sum(factor < 1 / least for factor in factors)
    return 2 * max(slower, faster) > len(factors)


def _list_epochs(records: Iterable[Record]) -> dict[str, list[float]]:
    """Return the median epochs of the successful processes of each case, by slug."""
    epochs: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if isinstance(record, TrialRecord) and record.status == "ok":
            epochs[record.case.slug].append(median(record.epoch_seconds))
    return epochs
