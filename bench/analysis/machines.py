"""The same programs on several machines: their ratios to one of them.

Two programs are compared within one run on one machine. What holds on all machines is the range
of these ratios; milliseconds of two machines are not compared.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.analysis.expected import BASE
from bench.analysis.intervals import Interval
from bench.analysis.ranking import compare_all
from bench.analysis.summary import Row
from bench.records.schema import Case


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest of the values that machines have. count: of these machines."""

    low: float
    high: float
    count: int


class Pivot:
    """Epochs of programs on machines.

    rows: ranked rows by program and by machine. machines: in the order of columns. programs: the
    least ratio to the base first. base: NumPy, which everybody knows; without it the fastest of
    those that most machines have. peers: the programs that solve its problem; others have no ratio
    to it.
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
