"""Our intervals put to the test: simulated processes whose true mean is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.intervals import Interval, independent, interval, rounds_needed

EPOCHS = 5
# As measured on two shared cores, of the logarithms of epoch times.
WITHIN, BETWEEN = 0.035, 0.038
# Of the whole run, from the first block to the last.
DRIFT = 0.10
# How many times as far as on one machine the processes of another lie apart.
WIDER = 3
# Rounds at a time, where their number is not known beforehand; there is no drift then.
DRAWN = 32


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of log epoch times within and between processes, and drift in a run."""

    within: float = WITHIN
    between: float = BETWEEN
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often an interval held the true value: of one row's epoch, and of a ratio of two rows.

    rounds: mean number of processes a row, of two machines those of the first. narrow: share of the
    rows' intervals that are as narrow as was asked for, where a precision was.
    """

    row: float
    ratio: float
    rounds: float
    narrow: float | None = None


def medians(
    spread: Spread, rounds: int, draw: np.random.Generator, cases: int = 2
) -> NDArray[np.float64]:
    """Median epoch of every process, (cases, rounds); the true mean of each case is 1.

    A block has one process of every case, and drift is that of the block: it is linear over the
    run and its mean is nought.
    """
    process = draw.normal(0, spread.between, (cases, rounds))
    epochs = draw.normal(0, spread.within, (cases, rounds, EPOCHS))
    block = spread.drift * (np.arange(rounds) / max(1, rounds - 1) - 0.5)
    return np.exp(np.median(process[..., None] + epochs, axis=-1) + block)


@dataclass(frozen=True, slots=True)
class Simulation:
    """So many runs of two equal cases, with a seed; how often do our intervals hold?"""

    spread: Spread
    repeats: int
    seed: int = 42

    def fixed(self, rounds: int) -> Coverage:
        """Use a number of rounds that is fixed beforehand."""
        draw = np.random.default_rng(self.seed)
        rows, ratios = [], []
        for _ in range(self.repeats):
            one, other = medians(self.spread, rounds, draw)
            rows.append(_holds(interval(list(one))))
            ratios.append(_holds(interval(list(one / other))))
        return Coverage(fmean(rows), fmean(ratios), rounds)

    def two_machines(self, rounds: int, there: int) -> Coverage:
        """Hold rounds on this machine against others on one of ``WIDER`` times its spread."""
        draw = np.random.default_rng(self.seed)
        wider = Spread(WIDER * self.spread.within, WIDER * self.spread.between)
        rows, ratios = [], []
        for _ in range(self.repeats):
            one = list(medians(self.spread, rounds, draw, cases=1)[0])
            other = list(medians(wider, there, draw, cases=1)[0])
            rows.append(_holds(interval(one)))
            ratios.append(_holds(independent(one, other)))
        return Coverage(fmean(rows), fmean(ratios), rounds)

    def two_stages(self, first: int, precision: float) -> Coverage:
        """Use the number of rounds that Stein's first stage fixes."""

        def enough(values: Sequence[float]) -> int:
            return rounds_needed(values[:first], precision)

        return self._stopped(enough, first, precision)

    def until_narrow(self, first: int, precision: float) -> Coverage:
        """Go on round by round until the interval looks narrow enough: not to be imitated."""

        def enough(values: Sequence[float]) -> int:
            count = first
            while count <= len(values) and not _narrow(interval(values[:count]), precision):
                count += 1
            return count

        return self._stopped(enough, None, precision)

    def _stopped(
        self, enough: Callable[[Sequence[float]], int], first: int | None, precision: float
    ) -> Coverage:
        draw = np.random.default_rng(self.seed)
        rows, ratios, counts, narrow = [], [], [], []
        for _ in range(self.repeats):
            one, other = self._drawn(enough, draw), self._drawn(enough, draw)
            found = interval(one, first)
            rows.append(_holds(found))
            narrow.append(_narrow(found, precision))
            ratios.append(_holds(interval([a / b for a, b in zip(one, other, strict=False)])))
            counts.append(len(one))
        return Coverage(fmean(rows), fmean(ratios), fmean(counts), fmean(narrow))

    def _drawn(
        self, enough: Callable[[Sequence[float]], int], draw: np.random.Generator
    ) -> list[float]:
        """Draw rounds of one case, some at a time, until there are enough of them."""
        values: list[float] = []
        count = DRAWN
        while count > len(values):
            more = max(DRAWN, count - len(values))
            values += medians(self.spread, more, draw, cases=1)[0].tolist()
            count = enough(values)
        return values[:count]


def _holds(found: Interval) -> bool:
    return found.low is not None and found.high is not None and found.low <= 1 <= found.high


def _narrow(found: Interval, precision: float) -> bool:
    return found.high is not None and found.high <= found.mean * (1 + precision) * (1 + 1e-12)
