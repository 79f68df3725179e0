"""How the cost of an epoch grows: with its steps, its samples and its threads.

``epoch = c0 + c1 * steps + c2 * samples``: what every epoch costs, every step, every sample. The
fit minimises relative errors, because noise is a share of the time that it disturbs and a sweep
covers a hundredfold of times; and no coefficient is below nought, because nothing takes less than
no time.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.intervals import Interval, interval, student

# A point is a cliff where it takes more than 1.2 times what the model says, or the model says more
# than 1.2 times what it takes. Processes of one case differ by 4 %, so that noise stays below.
CLIFF = 0.20
# So many points give an interval, and so many are left where cliffs are left out: three
# coefficients go through any three points.
FEWEST = 4
# So many models are tried: all that go through 26 points by threes. Of more points as many by lot,
# of which one in eight goes through no cliff as long as half the points are none.
MODELS = 2600

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One epoch at one size: updates, images, seconds (geometric mean over processes)."""

    steps: int
    samples: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cliff:
    """A point that is off the model; times: its seconds over those of the model."""

    point: Point
    times: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What an epoch, a step and a sample cost, in seconds: c0, c1 and c2.

    A coefficient is None where the points cannot tell it from another: with samples that are all
    the same, c0 from c2; with steps that are, c0 from c1; with one batch size, c1 from c2.
    points: how many the fit stands on. cliffs: those left out of it, by steps and samples.
    """

    epoch: Interval | None
    step: Interval | None
    sample: Interval | None
    points: int
    cliffs: tuple[Cliff, ...]

    def seconds(self, steps: int, samples: int) -> float | None:
        """Say how long an epoch should take; None where a coefficient is not known."""
        if self.epoch is None or self.step is None or self.sample is None:
            return None
        return self.epoch.mean + self.step.mean * steps + self.sample.mean * samples


def cost(points: Sequence[Point]) -> Cost | None:
    """Fit the cost of an epoch to points, without those that are off it: its cliffs.

    None where the points tell no coefficient, or no model fits: without the cliffs there would be
    fewer than four points, or fewer than half, or too few to tell what all of them tell.
    Intervals are t intervals at 95 %, cut off at nought; fewer than four points give none.
    Raises ValueError for steps, samples or seconds that are not positive.
    """
    ordered = sorted(points)  # so that no tie is decided by the order they came in
    for one in ordered:
        _positive(one.steps, one.samples, one.seconds)
    counts = np.array([(1.0, one.steps, one.samples) for one in ordered]).reshape(-1, 3)
    seconds = np.array([one.seconds for one in ordered])
    told, columns = _told(counts)
    kept = _kept(counts[:, columns], seconds) if told else None
    if kept is None:
        return None
    fitted = _fit(counts[kept][:, columns], seconds[kept])
    intervals = _intervals(counts[kept][:, columns], seconds[kept], fitted)
    known = {each: one for each, one in zip(columns, intervals, strict=True) if each in told}
    times = seconds / (counts[:, columns] @ fitted)
    off = tuple(Cliff(ordered[each], float(times[each])) for each in np.flatnonzero(~kept))
    return Cost(known.get(0), known.get(1), known.get(2), int(kept.sum()), off)


def exponent(sizes: Sequence[tuple[int, float]]) -> Interval | None:
    """Fit the slope of log seconds over log samples: 1 where twice the samples take twice as long.

    With its t interval at 95 %, from four sizes on; None where all sizes are the same.
    Raises ValueError for samples or seconds that are not positive.
    """
    for size in sizes:
        _positive(*size)
    if len({samples for samples, _ in sizes}) < 2:
        return None
    logs = np.log(sorted(sizes))
    rows = np.column_stack([np.ones(len(logs)), logs[:, 0]])
    fitted = np.linalg.lstsq(rows, logs[:, 1], rcond=None)[0]
    slope, half = float(fitted[1]), _half_widths(rows, logs[:, 1] - rows @ fitted)
    return Interval(slope) if half is None else Interval(slope, slope - half[1], slope + half[1])


def efficiency(
    one: Mapping[int, float], many: Mapping[int, float], threads: int
) -> Interval | None:
    """Return what share of so many threads is made use of: T(1) / (threads * T(threads)).

    one, many: seconds by round, with one thread and with so many. Taken round by round, as ratios
    of rows are, so that drift of the machine cancels; None where no round has both.
    Raises ValueError for seconds, or a number of threads, that are not positive.
    """
    _positive(threads, *one.values(), *many.values())
    both = sorted(set(one) & set(many))
    return interval([one[n] / (threads * many[n]) for n in both]) if both else None


def _positive(*values: float) -> None:
    for value in values:
        if not 0 < value < math.inf:
            raise ValueError(f"sizes and seconds are positive numbers, and {value} is none")


def _told(counts: Array) -> tuple[list[int], list[int]]:
    """Return which of the three coefficients the points tell, and which columns a fit takes.

    A coefficient is told where its column is no combination of the others. Where one is told and
    two are not, those two are proportional: the first stands for both, and stays unreported.
    """
    told = [each for each in range(3) if _rank(np.delete(counts, each, axis=1)) < _rank(counts)]
    return told, sorted([*told, *[each for each in range(3) if each not in told][:1]])


def _rank(counts: Array) -> int:
    """Rank of a matrix of counts, whose columns differ in size by orders of magnitude."""
    return int(np.linalg.matrix_rank(counts / counts.max(axis=0))) if len(counts) else 0


def _fit(counts: Array, seconds: Array) -> Array:
    """Coefficients, none below nought, with the smallest sum of (model / measured - 1)²."""
    from scipy.optimize import nnls

    rows = counts / seconds[:, None]
    size = np.linalg.norm(rows, axis=0)
    return np.asarray(nnls(rows / size, np.ones(len(rows)))[0] / size)


def _near(counts: Array, seconds: Array, fitted: Array) -> Flags:
    """Tell which points are on a model."""
    return np.abs(np.log(counts @ fitted / seconds)) <= math.log1p(CLIFF)


def _majority(counts: Array, seconds: Array) -> Array:
    """Return the model through as few points as fix one that has most of the others near it.

    Cliffs drag a least-squares fit to themselves and hide each other. Deviations count as they
    are, not squared, and those of a cliff count no more than where it begins. Of all models with
    the least sum of deviations one goes through so few points, so that to try these is enough.
    """
    few = [list(each) for each in combinations(range(len(counts)), counts.shape[1])]
    if len(few) > MODELS:
        few = random.Random(0).sample(few, MODELS)  # noqa: S311 - a lot, not a secret
    models = np.array([_fit(counts[each], seconds[each]) for each in few])
    off = np.abs(np.log(counts @ models.T / seconds[:, None]))
    return np.asarray(models[np.minimum(off, math.log1p(CLIFF)).sum(axis=0).argmin()])


def _kept(counts: Array, seconds: Array) -> Flags | None:
    """Tell which points the fit stands on: those, and only those, that are near the fit to them.

    None where these are too few, or no set of points comes to rest.
    """
    kept = _near(counts, seconds, _majority(counts, seconds))
    for _ in seconds:
        if not _enough(counts, kept):
            return None
        again = _near(counts, seconds, _fit(counts[kept], seconds[kept]))
        if (again == kept).all():
            return kept
        kept = again
    return None


def _enough(counts: Array, kept: Flags) -> bool:
    """Tell whether those kept may stand for all, and tell as many coefficients."""
    least = max(FEWEST, len(kept) / 2)
    return bool(kept.all() or kept.sum() >= least) and _rank(counts[kept]) == counts.shape[1]


def _intervals(counts: Array, seconds: Array, fitted: Array) -> list[Interval]:
    """Return each coefficient with its t interval, cut off at nought.

    The errors are those of the fit without bounds, even where a coefficient is at its bound: from
    nought up to half a width is then what the noise may hide, and the others are as uncertain as
    if it were not known to be nought.
    """
    half = _half_widths(counts / seconds[:, None], 1 - counts @ fitted / seconds)
    if half is None:
        return [Interval(float(mean)) for mean in fitted]
    return [Interval(float(mean), float(max(0, mean - width)), float(mean + width))
            for mean, width in zip(fitted, half, strict=True)]  # fmt: skip


def _half_widths(rows: Array, left: Array) -> Array | None:
    """Half the t intervals of a linear fit's coefficients from its residuals; None if too few.

    Var = s² (X'X)⁻¹, with X = QR as R⁻¹R⁻ᵀ, which squares no condition number; columns are brought
    to one length first.
    """
    if len(rows) < FEWEST:
        return None
    freedom = rows.shape[0] - rows.shape[1]
    size = np.linalg.norm(rows, axis=0)
    inverse = np.linalg.inv(np.linalg.qr(rows / size, mode="r"))
    spread = math.sqrt(float(left @ left) / freedom)
    return np.asarray(student(freedom) * spread * np.linalg.norm(inverse, axis=1) / size)
