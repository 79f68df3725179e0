"""Simulate processes whose true mean is known, and count how often our intervals hold it."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import Interval, estimate_mean, estimate_ratio

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
    """Share of runs whose interval held the true value: of one row's epoch, of two rows' ratio."""

    row: float
    ratio: float


Run = tuple[Interval, Interval]


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
        return estimate_mean(list(one)), estimate_mean(list(one / other))

    return _coverage(run, repeats, seed)


def two_machines(
    spread: Spread, repeats: int, rounds: int, other_rounds: int, seed: int = 42
) -> Coverage:
    """Simulate a case on two machines; the second has ``WIDER`` times the spread of the first."""
    wider = Spread(WIDER * spread.within, WIDER * spread.between)

    def run(random: np.random.Generator) -> Run:
        one = list(medians(spread, rounds, random, cases=1)[0])
        other = list(medians(wider, other_rounds, random, cases=1)[0])
        return estimate_mean(one), estimate_ratio(one, other)

    return _coverage(run, repeats, seed)


def holds(simulated: Interval) -> bool:
    """Return whether an interval contains the true value, 1."""
    low, high = simulated.low, simulated.high
    return low is not None and high is not None and low <= 1 <= high


def _coverage(
    run: Callable[[np.random.Generator], Run],
    repeats: int,
    seed: int,
) -> Coverage:
    random = np.random.default_rng(seed)
    rows, ratios = zip(*(run(random) for _ in range(repeats)), strict=True)
    return Coverage(fmean(map(holds, rows)), fmean(map(holds, ratios)))
