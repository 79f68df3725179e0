"""Simulate processes whose true mean is known, and count how often our intervals hold it."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import Interval, estimate_mean, estimate_ratio
from bench.runner.plan import required_rounds

EPOCHS = 5
# The processes of the second machine spread this many times as widely as those of the first.
WIDER = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of log epoch times within and between processes, and drift in a run.

    The defaults were measured on two shared cores.
    """

    within: float = 0.035
    between: float = 0.038
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of runs whose interval held the true value: of one row's epoch, of two rows' ratio.

    rounds: mean number of processes of the row. narrow: share of the row's intervals that were as
    narrow as the precision asked for; None without a precision.
    """

    row: float
    ratio: float
    rounds: float
    narrow: float | None = None


Run = tuple[Interval, Interval, int]


def medians(
    spread: Spread, rounds: int, random: np.random.Generator, cases: int = 2
) -> NDArray[np.float64]:
    """Return the median epoch of every process, (cases, rounds); the true mean of a case is 1.

    A round has one process of every case. Drift belongs to the round: it is linear over the run,
    and its mean is 0.
    """
    process = random.normal(0, spread.between, (cases, rounds))
    epochs = random.normal(0, spread.within, (cases, rounds, EPOCHS))
    drift = spread.drift * (np.arange(rounds) / max(1, rounds - 1) - 0.5)
    return np.exp(np.median(process[..., None] + epochs, axis=-1) + drift)


def fixed_rounds(spread: Spread, repeats: int, rounds: int, seed: int = 42) -> Coverage:
    """Simulate runs of two equal cases with a fixed number of rounds."""

    def run(random: np.random.Generator) -> Run:
        one, other = medians(spread, rounds, random)
        return estimate_mean(list(one)), estimate_mean(list(one / other)), rounds

    return _coverage(run, repeats, seed)


def two_machines(
    spread: Spread, repeats: int, rounds: int, other_rounds: int, seed: int = 42
) -> Coverage:
    """Simulate a case on two machines; the second has ``WIDER`` times the spread of the first."""
    wider = Spread(WIDER * spread.within, WIDER * spread.between)

    def run(random: np.random.Generator) -> Run:
        one = list(medians(spread, rounds, random, cases=1)[0])
        other = list(medians(wider, other_rounds, random, cases=1)[0])
        return estimate_mean(one), estimate_ratio(one, other), rounds

    return _coverage(run, repeats, seed)


def two_stages(
    spread: Spread, repeats: int, first: int, precision: float, seed: int = 42
) -> Coverage:
    """Simulate runs whose number of rounds Stein's first stage fixes."""

    def draw(random: np.random.Generator) -> list[float]:
        values = list(medians(spread, first, random, cases=1)[0])
        more = required_rounds(values, precision) - first
        return values + list(medians(spread, more, random, cases=1)[0])

    def run(random: np.random.Generator) -> Run:
        one, other = draw(random), draw(random)
        ratios = [a / b for a, b in zip(one, other, strict=False)]
        return estimate_mean(one, first), estimate_mean(ratios), len(one)

    return _coverage(run, repeats, seed, precision)


def holds(simulated: Interval) -> bool:
    """Return whether an interval contains the true value, 1."""
    low, high = simulated.low, simulated.high
    return low is not None and high is not None and low <= 1 <= high


def _coverage(
    run: Callable[[np.random.Generator], Run],
    repeats: int,
    seed: int,
    precision: float | None = None,
) -> Coverage:
    random = np.random.default_rng(seed)
    rows, ratios, rounds = zip(*(run(random) for _ in range(repeats)), strict=True)
    narrow = None
    if precision is not None:
        most = (1 + precision) * (1 + 1e-12)
        narrow = fmean(row.high is not None and row.high <= row.mean * most for row in rows)
    return Coverage(fmean(map(holds, rows)), fmean(map(holds, ratios)), fmean(rounds), narrow)
