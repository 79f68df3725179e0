"""Where nine of ten new runs have a program's epoch, in multiples of NumPy's.

Ratios differ between the hours of one processor, and more between processors. So each published
run is one value, not each process, and a new run is expected on a processor that nobody measured.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from bench.analysis.intervals import PRIOR, share_deviation
from bench.analysis.summary import Row
from bench.worker.machine import ROOT

BASE = "numpy"
COVERED = 0.9  # share of new runs in which a ratio is expected to lie within its interval
PUBLISHED = ROOT / "docs" / "findings" / "expected.csv"
BATCH_SIZE, SAMPLES = 32, 48_000  # of the rows that are compared: those of Fashion-MNIST


class Expected(NamedTuple):
    """Ratios of a program's epoch to NumPy's, and the runs and processors behind them."""

    low: float
    typical: float
    high: float
    runs: int
    processors: int

    def __str__(self) -> str:
        """Return the bounds with two digits, as sentences have them."""
        ends = (float(f"{end:.2g}") for end in (self.low, self.high))
        texts = (f"{end:#.2g}".rstrip(".") if end < 100 else f"{end:,.0f}" for end in ends)
        return " to ".join(texts)

    def holds(self, ratio: float) -> bool:
        """Return whether a ratio lies within the interval."""
        return self.low <= ratio <= self.high


def list_ratios(rows: Iterable[Row]) -> dict[str, float]:
    """Return by program how many times as long an epoch takes as NumPy's in the same run.

    Of ranked rows with one thread on a CPU and in batches of BATCH_SIZE; empty without NumPy's.
    """
    size = ("sgd", "cpu", BATCH_SIZE, 1, SAMPLES)
    seconds = {
        row.case.implementation: row.typical_seconds
        for row in rows
        for case in [row.case]
        if row.ranked
        and not case.env
        and (case.workload, case.device, case.batch_size, case.threads, case.samples) == size
    }
    base = seconds.pop(BASE, math.nan)
    return {name: own / base for name, own in seconds.items() if base > 0}


def expect(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Expected]:
    """Return where the next run has each program, by the ratios of earlier ones.

    runs: by processor, the ratios of each run by program. A program needs two runs. The logarithms
    have a deviation between the hours of a processor, one between processors in proportion to it,
    and each program has a variance of its own, which is moderated by that of all programs as if it
    came from PRIOR further runs. The bounds are those of Student's t for a run on another
    processor. Source: G. K. Smyth, as in ``estimate_typical``. Raises ValueError for fewer than
    two processors, or for runs that do not tell the two deviations.
    """
    names = dict.fromkeys(name for group in runs.values() for run in group for name in run)
    logs = {
        name: [
            own
            for group in runs.values()
            if (own := [math.log(run[name]) for run in group if name in run])
        ]
        for name in names
    }
    hours = share_deviation(own for groups in logs.values() for own in groups)
    means = share_deviation([fmean(own) for own in groups] for groups in logs.values())
    if hours is None or means is None:
        raise ValueError("too few programs have several runs of several processors")
    shares = [1 / len(own) for groups in logs.values() if len(groups) > 1 for own in groups]
    # The variance between processors, in variances between hours.
    excess = max(0.0, (means / hours) ** 2 - fmean(shares))
    several = {name: groups for name, groups in logs.items() if sum(map(len, groups)) > 1}
    return {name: _predict(groups, hours**2, excess) for name, groups in sorted(several.items())}


def _predict(groups: Sequence[Sequence[float]], prior: float, excess: float) -> Expected:
    """Return the interval of a program. groups: logarithms by processor. prior: variance."""
    from scipy.special import stdtrit

    weights = [len(own) / (1 + excess * len(own)) for own in groups]
    centre = fmean(map(fmean, groups), weights)
    squares = sum(
        sum((log - fmean(own)) ** 2 for log in own) + weight * (fmean(own) - centre) ** 2
        for own, weight in zip(groups, weights, strict=True)
    )
    runs = sum(map(len, groups))
    freedom = PRIOR + runs - 1
    variance = (PRIOR * prior + squares) / freedom * (1 + excess + 1 / sum(weights))
    factor = math.exp(float(stdtrit(freedom, (1 + COVERED) / 2)) * math.sqrt(variance))
    typical = math.exp(centre)
    return Expected(typical / factor, typical, typical * factor, runs, len(groups))


def read_expected(path: Path = PUBLISHED) -> dict[str, Expected]:
    """Read the published intervals, by program; a copy of the code alone has none."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            line["program"]: Expected(
                float(line["low"]),
                float(line["typical"]),
                float(line["high"]),
                int(line["runs"]),
                int(line["processors"]),
            )
            for line in csv.DictReader(stream)
        }
