"""Print what the suite adds to a stored run: hand-overs and judging.

``python docs/studies/costs.py RUN`` prints the figures of docs/methodology.md. The run was not
interrupted, on one host. It lasts from the start of its first trial until the last one is judged.

The worker's own clock (``worker_epoch_seconds``) differed from the reported time by at most 0.1 ms
in the medians of 15 processes of numba, numpy, pytorch, jax and jax-scan, on a 2-core AMD EPYC.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.records.schema import Record, TrialRecord
from bench.records.store import read_records
from bench.records.timestamps import parse_time


def list_handovers(records: Sequence[Record]) -> list[float]:
    """Return the seconds of the hand-overs of all trials."""
    trials = [record for record in records if isinstance(record, TrialRecord)]
    return [trial.ping_seconds for trial in trials if trial.ping_seconds is not None]


def measure_run(records: Sequence[Record]) -> float:
    first, last = (parse_time(records[place].started).timestamp() for place in (0, -1))
    return last - first + (records[-1].wall_seconds or 0.0) + get_judging(records[-1])


def compute_judging_share(records: Sequence[Record]) -> float:
    """Return the share of a run that went into judging."""
    return sum(map(get_judging, records)) / measure_run(records)


def get_judging(record: Record) -> float:
    """Return the seconds that the judging of a trial took."""
    return (record.judging_seconds or 0.0) if isinstance(record, TrialRecord) else 0.0


if __name__ == "__main__":
    run = read_records(Path(sys.argv[1]))
    if handovers := list_handovers(run):
        median, most = 1e6 * np.percentile(handovers, [50, 95])
        print(f"{len(handovers)} hand-overs: median {median:.0f} µs, 95 % below {most:.0f} µs")
    print(f"judging: {compute_judging_share(run):.1%} of {measure_run(run):.0f} s")
