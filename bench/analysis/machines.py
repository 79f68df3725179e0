"""The same programs on several machines: their order there, and their ratios to one of them.

Two programs are compared within one run on one machine. What holds on all machines is the range
of these ratios; milliseconds of two machines are not compared.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from bench.analysis.expected import BASE
from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_all
from bench.analysis.summary import Row
from bench.records.schema import Case

STEADY = 1.5  # a ratio is steady if its largest value is at most this multiple of its least
COMMON = 3  # programs that two machines have at least in common, to speak of their order


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest of the values that machines have. count: of these machines."""

    low: float
    high: float
    count: int

    @property
    def is_steady(self) -> bool:
        """Whether the machines differ little; also of one machine alone."""
        return self.high <= STEADY * self.low


class Pivot:
    """Epochs of programs on machines.

    rows: ranked rows by program and by machine. machines: in the order of columns. programs: the
    least ratio to the base first. base: NumPy, which everybody knows; without it the fastest of
    those that most machines have. peers: the programs that solve its problem; others have no ratio
    to it, and no place in the order.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Row]], machines: Sequence[str]) -> None:
        """Order the programs."""
        ranked = {
            name: {
                machine: by_machine[machine]
                for machine in machines
                if machine in by_machine and by_machine[machine].ranked
            }
            for name, by_machine in rows.items()
        }
        self.rows = {name: by_machine for name, by_machine in ranked.items() if by_machine}
        self.machines = machines
        self._tables = {
            machine: compare_all([rows[machine] for rows in self.rows.values() if machine in rows])
            for machine in machines
        }
        softmax = [name for name in self.rows if self.find_case(name).objective == "softmax"]
        self.peers = softmax or list(self.rows)
        most = max((len(self.rows[name]) for name in self.peers), default=0)
        common = [name for name in self.peers if len(self.rows[name]) == most]
        self.base = BASE if BASE in common else min(common, key=self._average, default="")
        self.programs = sorted(self.rows, key=self._rank)

    def _average(self, name: str) -> float:
        """Return the mean logarithm of a program's epochs."""
        return fmean(math.log(row.typical_seconds) for row in self.rows[name].values())

    def _rank(self, name: str) -> float:
        """Return the mean logarithm of a program's ratios to the base; last without any.

        So a program does not come first because only a fast machine has it.
        """
        ratios = self.compare(name).values()
        return fmean(math.log(ratio.mean) for ratio in ratios) if ratios else math.inf

    def find_case(self, name: str) -> Case:
        """Return the case of a program on the first machine that has it."""
        return next(iter(self.rows[name].values())).case

    def span_seconds(self, name: str) -> tuple[float, float]:
        """Return the least and the largest seconds of an epoch over the machines."""
        rows = self.rows[name].values()
        slower = [row.epoch.other for row in rows if row.epoch and row.epoch.other]
        seconds = [*(row.typical_seconds for row in rows), *slower]
        return min(seconds), max(seconds)

    def compare(self, name: str, base: str = "") -> dict[str, Interval]:
        """Return how many times as long an epoch takes as the base's on the same machine."""
        rows, others = self.rows[name], self.rows[base or self.base]
        if self.find_case(name).objective != self.find_case(base or self.base).objective:
            return {}
        return {
            machine: self._tables[machine].estimate(
                rows[machine].case.slug, others[machine].case.slug
            )
            for machine in self.machines
            if machine in rows and machine in others
        }

    def find_range(self, name: str, base: str = "") -> Range | None:
        """Return the least and the largest ratio of a program; None if no machine has both.

        Of processes in two groups on a machine, both count.
        """
        ratios = self.compare(name, base)
        ends = [
            end for ratio in ratios.values() for end in (ratio.mean, ratio.other) if end is not None
        ]
        return Range(min(ends), max(ends), len(ratios)) if ends else None

    def correlate(self) -> Range | None:
        """Return Spearman's rank correlation of each two machines, over the programs of both.

        count: the least number of these programs. None if any two have too few in common.
        """
        from scipy import stats  # half a second, which each start of a run would pay

        values, counts, peers = [], [], [self.rows[name] for name in self.peers]
        for pair in combinations(self.machines, 2):
            common = [rows for rows in peers if all(machine in rows for machine in pair)]
            if len(common) < COMMON:
                return None
            here, there = ([rows[machine].typical_seconds for rows in common] for machine in pair)
            # Rounded, because equal orders may give 0.9999999999999999.
            values.append(round(float(stats.spearmanr(here, there).statistic), 6))
            counts.append(len(common))
        return Range(min(values), max(values), min(counts)) if values else None

    def find_swaps(self) -> list[tuple[str, str]]:
        """Return the pairs of which each is certainly slower than the other on some machine."""
        return [
            pair
            for pair in combinations([name for name in self.programs if name in self.peers], 2)
            if self._is_slower(*pair) and self._is_slower(*reversed(pair))
        ]

    def _is_slower(self, name: str, other: str) -> bool:
        """Return whether a program is certainly slower than another on any machine."""
        rows, others = self.rows[name], self.rows[other]
        return any(
            self._tables[machine].is_slower(rows[machine].case.slug, others[machine].case.slug)
            for machine in rows.keys() & others.keys()
        )
