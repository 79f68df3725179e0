"""Confidence intervals of the typical value, and of the ratio of two.

The typical value is the median of the population: half of all processes of a program, run on this
machine in these minutes, take longer. A mean would belong to no process, and a busy neighbour moves
it: among the processes of one program a few take twice as long as the others.

docs/studies/intervals.csv counts how often these intervals hold, on noise from published runs.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median, median_low
from typing import NamedTuple, TypeVar

MAX_LOG = 700.0  # math.exp overflows at about 709
# Bounds further beyond the values than ten times say nothing: two processes that differ by a third.
MAX_MARGIN = math.log(10)
# How often an interval may miss the typical value.
MISSED = 0.05
# Of fewer processes than this, the noise of the other rows of a table counts as much as that of
# PRIOR further processes. Their median has this standard error, in deviations of one.
ENOUGH, PRIOR = 5, 3
MEDIAN_ERRORS = {2: 0.707, 3: 0.670, 4: 0.546}
# Processes further apart than this many deviations of the table have noise of their own. If one of
# them then takes more than TWO_GROUPS times as long as the typical one, they fall into two groups.
OUTLYING, TWO_GROUPS = 4.0, 1.3
# A table of fewer rows shares no noise, and this share of its rows may be noisier than the others.
LEAST_ROWS, TRIMMED = 4, 0.2
# The further deviation of a row that is not like the others: of two threads where few rows have
# them, or of two states. In published runs such processes differ by 8 %, others by 2 to 3 %.
UNLIKE = 0.08

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; low and high are None if unknown.

    mean: the estimate, which is the median where ``estimate_typical`` made it. other: that of the
    slower of two groups of few processes; mean is then that of the faster one.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    other: float | None = None

    def __truediv__(self, value: float) -> "Interval":
        """Divide this by a positive value."""
        low, high, other = (
            None if bound is None else bound / value for bound in (self.low, self.high, self.other)
        )
        return Interval(self.mean / value, low, high, other)

    def without_bounds(self) -> "Interval":
        """Return the estimate alone, with that of the other group."""
        return Interval(self.mean, other=self.other)

    def excludes(self, value: float) -> bool:
        """Return whether the interval has bounds and lies above or below the value."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high

    def is_within(self, share: float) -> bool:
        """Return whether both bounds exist and differ from the mean by at most this factor."""
        if self.low is None or self.high is None:
            return False
        return max(self.high / self.mean, self.mean / self.low) <= 1 + share


def estimate_typical(values: Sequence[float], noise: "TableNoise | None" = None) -> Interval:
    """Return the median of positive values, with a 95 % interval of their population's median.

    From six values on, the interval lies between two of the sorted values. It holds the median of
    any population at least 95 % of the time, because it misses only if too many of the values lie
    on one side of the median, as tosses of a coin do. The range of five values holds it 93.75 % of
    the time; of fewer values, less often. That range is widened on the logarithms (``widen``).

    noise: of the table (``share_noise``). By it fewer than five values have a moderated t interval,
    unless they differ too much from one another. Source:
    G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
    microarray experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004).

    A single value gives no interval, nor do few values that are far apart: in two groups, where
    the lower median stands before that of the slow group, or with bounds further beyond them than
    MAX_MARGIN. Raises ValueError if there is no value or one is not positive.
    """
    if not values:
        raise ValueError("no values, no interval")
    ordered, count = sorted(values), len(values)
    logs = [math.log(value) for value in ordered]
    below, above = ordered[(count - 1) // 2], ordered[count // 2]
    centre = below if below == above else math.sqrt(below) * math.sqrt(above)
    if count == 1:
        return Interval(centre)
    length = logs[-1] - logs[0]
    slow = [value for value in ordered if value > TWO_GROUPS * below]
    if slow and count < ENOUGH and length > OUTLYING * (noise.table if noise else 0.0):
        return Interval(below, other=median_low(slow))
    deviations = (noise.row, math.hypot(noise.table, UNLIKE)) if noise and count < ENOUGH else ()
    if shared := next(
        (deviation for deviation in deviations if length <= OUTLYING * deviation), None
    ):
        squares = PRIOR * shared**2 + (count - 1) * _find_variance(logs)
        error = MEDIAN_ERRORS[count] * math.sqrt(squares / (PRIOR + count - 1))
        margin = compute_t_quantile(PRIOR + count - 1) * error
        return Interval(centre, centre * math.exp(-margin), centre * math.exp(margin))
    low, high = find_range(ordered)
    margin = widen(count) * (math.log(high) - math.log(low))
    if margin > min(MAX_MARGIN, MAX_LOG - max(map(abs, logs))):
        return Interval(centre)
    return Interval(centre, low * math.exp(-margin), high * math.exp(margin))


def share_deviation(rows: Iterable[Sequence[float]]) -> float | None:
    """Return the deviation that rows of a table share, of their logarithms; None for few rows.

    The root of the mean variance without the largest ones, which is made consistent for normal
    noise: those of some programs say nothing of the others. Rows of one process do not count.
    """
    rows = [row for row in rows if len(row) > 1]
    if len(rows) < LEAST_ROWS:
        return None
    kept = len(rows) - math.ceil(TRIMMED * len(rows))
    freedom, share = fmean(len(row) - 1 for row in rows), kept / len(rows)
    mean = fmean(sorted(map(_find_variance, rows))[:kept])
    # The mean of the lower part of a chi-square distribution, over its degrees of freedom.
    from scipy.special import chdtr, chdtri

    limit = float(chdtri(freedom, 1 - share))
    return math.sqrt(mean * share / float(chdtr(freedom + 2, limit))) or None


def _find_variance(logs: Sequence[float]) -> float:
    mean = fmean(logs)
    return sum((log - mean) ** 2 for log in logs) / (len(logs) - 1)


class TableNoise(NamedTuple):
    """Deviations of the logarithms of the processes of a row: the typical one of its table, too."""

    row: float
    table: float


class Traits(NamedTuple):
    """What a row has of its own: threads, whether it waits, whether its processes have states."""

    threads: int = 1
    waits: bool = False
    states: bool = False


def share_noise(
    table: Mapping[Key, tuple[Mapping[int, float], Traits]],
) -> dict[Key, TableNoise | None]:
    """Return the noise by which ``estimate_typical`` moderates each row of a table, if known.

    table: seconds of each row's processes, by round, and its traits. Rows with as many threads
    share their noise, but for those that wait or have states: they have UNLIKE besides that of the
    others.
    """
    groups: dict[int, list[Sequence[float]]] = defaultdict(list)
    for times, traits in table.values():
        if not (traits.waits or traits.states):
            groups[traits.threads].append([math.log(time) for time in times.values()])
    deviations = {threads: share_deviation(rows) for threads, rows in sorted(groups.items())}
    base = next(filter(None, deviations.values()), None)
    unlike = TableNoise(math.hypot(base, UNLIKE), base) if base else None
    noises: dict[Key, TableNoise | None] = {}
    for key, (_, traits) in table.items():
        deviation = None if traits.waits or traits.states else deviations.get(traits.threads)
        noises[key] = TableNoise(deviation, deviation) if deviation else unlike
    return noises


def estimate_difference(values: Sequence[float]) -> Interval:
    """Return the median of differences, with a 95 % interval of their population's median.

    As ``estimate_typical``, but differences may be negative, so few values are widened as they
    are and not on logarithms. A single value gives no interval. Raises ValueError without a value.
    """
    if not values:
        raise ValueError("no values, no interval")
    ordered = sorted(values)
    if len(ordered) == 1:
        return Interval(ordered[0])
    low, high = find_range(ordered)
    margin = widen(len(ordered)) * (high - low)
    return Interval(median(ordered), low - margin, high + margin)


def find_range(ordered: Sequence[float]) -> tuple[float, float]:
    """Return the two of sorted values between which the interval lies, before it is widened."""
    outside = count_outside(len(ordered))
    return ordered[outside], ordered[-1 - outside]


@cache
def count_outside(count: int) -> int:
    """Return how many of this many sorted values lie beyond each bound of the interval."""
    outside = 0
    while compute_sign_p(outside, count) <= MISSED:
        outside += 1
    return max(0, outside - 1)


@cache
def widen(count: int) -> float:
    """Return the share of the range by which the interval of few values reaches beyond it.

    Nothing from six values on. With fewer, the range misses the median with probability
    2 ** (1 - n). Given that all lie above it, at distances that are uniform from 0 on, the nearest
    is further than the share e of the range with probability (1 + e) ** (1 - n): e is chosen so
    that the product is 5 %. Most noise is denser near its median than that, and is missed less.
    """
    return float(max(0.0, (2.0 ** (1 - count) / MISSED) ** (1 / (count - 1)) - 1))


@cache
def compute_sign_p(fewer: int, count: int) -> float:
    """Return the two-sided p of the sign test: at most ``fewer`` of ``count`` on one side."""
    return min(1.0, 2 * sum(math.comb(count, number) for number in range(fewer + 1)) / (1 << count))


def divide_intervals(above: Interval, below: Interval) -> Interval:
    """Return the ratio of the typical values of two independent samples.

    Each bound combines the distances, on the logarithms, of the samples' own bounds from their
    medians. Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect
    measures: a general approach", Statistics in Medicine 27 (2008), pp. 1693-1702. No bounds if a
    sample has none.
    """
    ratio = above.mean / below.mean
    if above.low is None or above.high is None or below.low is None or below.high is None:
        return Interval(ratio, other=above.other and above.other / below.mean)
    low = math.hypot(math.log(above.mean / above.low), math.log(below.high / below.mean))
    high = math.hypot(math.log(above.high / above.mean), math.log(below.mean / below.low))
    if max(low, high) + abs(math.log(ratio)) > MAX_LOG:
        return Interval(ratio)
    return Interval(ratio, ratio * math.exp(-low), ratio * math.exp(high))


def adjust_holm(values: Mapping[Key, float], family: int) -> dict[Key, float]:
    """Adjust p values so that each can be compared with the rate of the whole family.

    family: number of tests, with those whose p is not known yet and counts as 1. Source: S. Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), pp. 65-70.
    """
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for position, key in enumerate(sorted(values, key=values.__getitem__)):
        largest = max(largest, min(1.0, (family - position) * values[key]))
        adjusted[key] = largest
    return adjusted


@cache
def compute_t_quantile(freedom: float, family: int = 1) -> float:
    """Return half the width of a 95 % interval in standard errors: Student's t at 0.975.

    family: number of intervals that hold at once with this certainty (Bonferroni).
    """
    from scipy.special import stdtrit  # scipy.stats, whose t.ppf this is, takes 0.5 s to import

    return float(-stdtrit(freedom, MISSED / 2 / family))
