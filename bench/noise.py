"""How noisy a run was, from its records, and whether the differences it shows stand out."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.intervals import Interval, student
from bench.ranking import comparable, told
from bench.result import Environment, Record
from bench.summary import Row
from bench.throttling import GpuTrials, gpu_trials

# Above these a run was disturbed. Two shared cores when nothing else runs: others take 1 to 2 %,
# nothing is stolen, and the processes of one case differ by 4 % (docs/methodology.md).
OTHERS = 0.05
STEAL = 0.01
CLOCK = 0.05
DRIFT = 0.05
BETWEEN = 0.10


@dataclass(frozen=True, slots=True)
class Noise:
    """Spreads are standard deviations of logarithms; None where a run cannot tell.

    within: of the epochs of a process. between: of the processes' median epochs of a case, drift
    taken out. drift: change from the first round to the last, as a factor with its interval.
    others, steal: share of all cores' time that went to other processes and to other guests.
    clock: largest mean clock over the smallest, less 1. throttled: how often cores were too hot.
    gpu: what its trials tell; None where there was none.
    """

    within: float | None
    between: float | None
    drift: Interval | None
    others: float | None
    steal: float | None
    clock: float | None
    throttled: float | None
    gpu: GpuTrials | None = None

    @property
    def causes(self) -> list[str]:
        """What disturbed the run, in words."""
        drift = self.drift
        moved = drift is not None and drift.low is not None and drift.high is not None and (
            drift.low > 1 or drift.high < 1
        )  # fmt: skip
        shares = (
            (self.others, OTHERS, "other processes took {:.1%} of the cores"),
            (self.steal, STEAL, "the hypervisor took {:.1%} of the time"),
            (self.clock, CLOCK, "the clock varied by {:.0%}"),
            (self.throttled, 0, "cores were throttled {:g} times"),
            (self.between, BETWEEN, "processes of one case differ by {:.0%}"),
            (abs(drift.mean - 1) if drift and moved else None, DRIFT,
             "times drifted by {:.0%} over the rounds"),
        )  # fmt: skip
        said = [says.format(value) for value, most, says in shares if (value or 0) > most]
        return said + (_held_back(self.gpu) if self.gpu else [])


def _held_back(gpu: GpuTrials) -> list[str]:
    """Say what disturbed the trials on a GPU."""
    crowded, clock = gpu.crowded, gpu.clock or 0
    said = (
        (bool(gpu.throttled), f"the GPU was throttled by {gpu.slowed}"),
        (crowded.trials > 0,
         f"another process was on the GPU in {crowded.trials} of {crowded.of} trials"),
        (clock > CLOCK, f"the GPU's clock varied by {clock:.0%}"),
    )  # fmt: skip
    return [text for so, text in said if so]


class Median(NamedTuple):
    """The logarithm of a process's median epoch, and which process of which case it was."""

    case: str
    round: int
    log: float


def noise(records: Iterable[Record], environments: Mapping[str, Environment]) -> Noise:
    """Measure the noise of a run's trials that went well."""
    good = [record for record in records if record.kind == "trial" and record.status == "ok"]
    medians = [Median(record.case.slug, record.round, math.log(median(record.epoch_seconds)))
               for record in good]  # fmt: skip
    clocks = [value for record in good for name in ("mhz_before", "mhz_after")
              if (value := record.conditions.get(name))]  # fmt: skip
    throttled = [value for record in good
                 if (value := record.conditions.get("throttled")) is not None]  # fmt: skip
    return Noise(
        within=_pooled([[math.log(epoch) for epoch in one.epoch_seconds] for one in good]),
        between=_between(medians),
        drift=_drift(medians),
        others=_share(good, environments, "others_seconds"),
        steal=_share(good, environments, "steal_seconds"),
        clock=max(clocks) / min(clocks) - 1 if clocks else None,
        throttled=sum(throttled) if throttled else None,
        gpu=gpu_trials(good),
    )


def untold(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the neighbours, by epoch time, that the intervals do not tell apart."""
    pairs: list[tuple[Row, Row]] = []
    for row in rows:
        group = comparable(rows, row)
        if group and group[0] is row:
            pairs += [pair for pair in pairwise(group) if not told(pair[1], pair[0])]
    return pairs


def _processors(record: Record, environments: Mapping[str, Environment]) -> float:
    known = environments.get(record.environment)
    machine = known.machine if known else {}
    return float(machine.get("processors") or machine.get("cores") or record.case.threads)


def _pooled(groups: Iterable[Sequence[float]]) -> float | None:
    """Standard deviation within groups, each weighted by its degrees of freedom."""
    known = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in known)
    if not freedom:
        return None
    # Not statistics.variance, whose exact fractions take a report of many trials most of its time.
    return math.sqrt(math.fsum(_squares(group) for group in known) / freedom)


def _squares(values: Sequence[float]) -> float:
    """Sum of the squared differences to the mean."""
    centre = fmean(values)
    return math.fsum((value - centre) ** 2 for value in values)


def _between(medians: Sequence[Median]) -> float | None:
    """Fit case and round, and return the standard deviation of what is left; None without freedom.

    Least squares, because with a precision some cases have more rounds than others. Of cases and
    rounds, whichever are more follow from the others, whose normal equations are all that is
    solved: a matrix with a row for every trial would fill the memory.
    """
    if not medians:
        return None
    logs = np.array([each.log for each in medians])
    named = [_numbered(each.case for each in medians), _numbered(each.round for each in medians)]
    few, many = sorted(named, key=np.max)
    made = np.zeros((many.max() + 1, few.max() + 1))  # how many trials of a case a round has
    np.add.at(made, (many, few), 1)
    trials = made.sum(axis=1)
    logs -= (np.bincount(many, logs) / trials)[many]
    normal = np.diag(made.sum(axis=0)) - made.T @ (made / trials[:, None])
    freedom = len(medians) - len(trials) - int(np.linalg.matrix_rank(normal, hermitian=True))
    if freedom <= 0:
        return None
    moved = np.linalg.lstsq(normal, np.bincount(few, logs), rcond=None)[0]
    left = logs - moved[few] + (made @ moved / trials)[many]
    return math.sqrt(float((left**2).sum()) / freedom)


def _numbered(values: Iterable[Hashable]) -> NDArray[np.intp]:
    """Number values from nought, equal ones alike."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.intp)


def _drift(medians: Sequence[Median]) -> Interval | None:
    """Fit each case's level and one slope; how far it goes from the first round to the last.

    The error is that of the rounds' mean residuals: what moves a round moves all of its cases.
    """
    by_case: dict[str, list[Median]] = defaultdict(list)
    for each in medians:
        by_case[each.case].append(each)
    x, y, rounds = [], [], []
    for group in by_case.values():
        middle, level = fmean(one.round for one in group), fmean(one.log for one in group)
        x += [one.round - middle for one in group]
        y += [one.log - level for one in group]
        rounds += [one.round for one in group]
    spread, numbers = sum(each**2 for each in x), sorted(set(rounds))
    freedom = len(numbers) - 2
    if freedom < 1 or not spread:
        return None
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / spread
    left: dict[int, list[float]] = defaultdict(list)
    for number, a, b in zip(rounds, x, y, strict=True):
        left[number].append(b - slope * a)
    square = sum(len(each) * fmean(each) ** 2 for each in left.values()) / freedom
    half = student(freedom) * math.sqrt(square / spread)
    length = numbers[-1] - numbers[0]
    low, high = ((slope + sign * half) * length for sign in (-1, 1))
    return Interval(math.exp(slope * length), math.exp(low), math.exp(high))


def _share(
    records: Iterable[Record], environments: Mapping[str, Environment], name: str
) -> float | None:
    """Seconds of all cores' seconds, over the trials that know both."""
    part = whole = 0.0
    for record in records:
        found, seconds = record.conditions.get(name), record.conditions.get("seconds")
        if found is not None and seconds:
            part += found
            whole += seconds * _processors(record, environments)
    return part / whole if whole else None
