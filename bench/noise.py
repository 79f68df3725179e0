"""How noisy a run was, from its records, and whether the differences it shows stand out."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, variance

from bench.intervals import Interval, student
from bench.result import Environment, Record
from bench.summary import Row, comparable, ratio

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
    """

    within: float | None
    between: float | None
    drift: Interval | None
    others: float | None
    steal: float | None
    clock: float | None
    throttled: float | None

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
        return [says.format(value) for value, most, says in shares if (value or 0) > most]


def noise(records: Iterable[Record], environments: Mapping[str, Environment]) -> Noise:
    """Measure the noise of a run's trials that went well."""
    good = [record for record in records if record.kind == "trial" and record.status == "ok"]
    by_case: dict[str, dict[int, float]] = defaultdict(dict)
    for record in good:
        by_case[record.case.slug][record.round] = math.log(median(record.epoch_seconds))
    cores = {record.environment: _processors(record, environments) for record in good}
    whole = sum((record.conditions.get("seconds") or 0) * cores[record.environment]
                for record in good)  # fmt: skip
    clocks = [value for record in good for name in ("mhz_before", "mhz_after")
              if (value := record.conditions.get(name))]  # fmt: skip
    return Noise(
        within=_pooled([[math.log(epoch) for epoch in one.epoch_seconds] for one in good]),
        between=_pooled(_without_drift(by_case)),
        drift=_drift(by_case),
        others=_share(good, "others_seconds", whole),
        steal=_share(good, "steal_seconds", whole),
        clock=max(clocks) / min(clocks) - 1 if clocks else None,
        throttled=_sum(good, "throttled"),
    )


def untold(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the neighbours, by epoch time, that the intervals do not tell apart."""
    pairs: list[tuple[Row, Row]] = []
    for row in rows:
        group = comparable(rows, row)
        if group and group[0] is row:
            pairs += [pair for pair in pairwise(group) if not _told(*pair)]
    return pairs


def _told(faster: Row, slower: Row) -> bool:
    found = ratio(slower, faster)
    return found is not None and found.low is not None and found.low > 1


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
    return math.sqrt(sum(variance(group) * (len(group) - 1) for group in known) / freedom)


def _blocks(by_case: Mapping[str, Mapping[int, float]]) -> dict[int, list[float]]:
    """Deviations of each round from the mean of their case, for cases of several rounds."""
    found: dict[int, list[float]] = defaultdict(list)
    for rounds in by_case.values():
        if len(rounds) > 1:
            centre = fmean(rounds.values())
            for number, value in rounds.items():
                found[number].append(value - centre)
    return found


def _without_drift(by_case: Mapping[str, Mapping[int, float]]) -> list[list[float]]:
    moved = {number: fmean(values) for number, values in _blocks(by_case).items()}
    return [[value - moved.get(number, 0.0) for number, value in rounds.items()]
            for rounds in by_case.values()]  # fmt: skip


def _drift(by_case: Mapping[str, Mapping[int, float]]) -> Interval | None:
    """Fit a line to the rounds' mean deviations; how far it goes from the first to the last."""
    means = {number: fmean(values) for number, values in _blocks(by_case).items()}
    if len(means) < 3:
        return None
    x, y = list(means), list(means.values())
    spread = sum((each - fmean(x)) ** 2 for each in x)
    slope = sum((a - fmean(x)) * (b - fmean(y)) for a, b in zip(x, y, strict=True)) / spread
    rest = [b - fmean(y) - slope * (a - fmean(x)) for a, b in zip(x, y, strict=True)]
    freedom = len(x) - 2
    error = math.sqrt(sum(each**2 for each in rest) / freedom / spread)
    length, half = max(x) - min(x), student(freedom) * error
    low, high = ((slope + sign * half) * length for sign in (-1, 1))
    return Interval(math.exp(slope * length), math.exp(low), math.exp(high))


def _share(records: Iterable[Record], name: str, whole: float) -> float | None:
    total = _sum(records, name)
    return total / whole if total is not None and whole else None


def _sum(records: Iterable[Record], name: str) -> float | None:
    known = [value for each in records if (value := each.conditions.get(name)) is not None]
    return sum(known) if known else None
