"""Print what the suite adds to a stored run: hand-overs, and the time without a worker.

``python tests/support/costs.py RUN`` prints the figures of docs/methodology.md. The time without a
worker is that between the end of one and the start of the next: judging is most of it.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.records.schema import Record, TrialRecord
from bench.records.store import read_records
from bench.records.timestamps import parse_time


def list_handovers(records: Sequence[Record]) -> list[float]:
    """Return the seconds of the hand-overs of all timed epochs."""
    trials = (record for record in records if isinstance(record, TrialRecord))
    return [seconds for trial in trials for seconds in trial.handover_seconds]


def compute_idle_share(records: Sequence[Record]) -> float:
    """Return the share of a run in which no worker lived. The run was not interrupted."""
    starts = [parse_time(record.started).timestamp() for record in records]
    ends = [
        start + (record.wall_seconds or 0.0) for start, record in zip(starts, records, strict=True)
    ]
    idle = [start - end for (_, end), (start, _) in pairwise(zip(starts, ends, strict=True))]
    return sum(idle) / (ends[-1] - starts[0])


if __name__ == "__main__":
    run = read_records(Path(sys.argv[1]))
    if handovers := list_handovers(run):
        median, most = 1e6 * np.percentile(handovers, [50, 95])
        print(f"{len(handovers)} hand-overs: median {median:.0f} µs, 95 % below {most:.0f} µs")
    print(f"without a worker: {compute_idle_share(run):.1%} of the run")
