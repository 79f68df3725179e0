"""The same programs on several machines: their ratios to one of them.

Two programs are compared within one run on one machine; milliseconds of two machines are not.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from bench.analysis.expected import BASE
from bench.analysis.summary import Row
from bench.records.schema import Case


class Pivot:
    """Epochs of programs on machines.

    rows: ranked rows by program and by machine. machines: in the order of columns. programs: the
    least ratio to the base first. base: NumPy, which everybody knows; without it the first of those
    that most machines have.
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
        softmax = [name for name in self.rows if self.find_case(name).objective == "softmax"]
        peers = softmax or list(self.rows)
        # The first of the largest: of NumPy and another one that as many machines have, NumPy.
        first = sorted(peers, key=lambda name: name != BASE)
        self.base = max(first, key=lambda name: len(self.rows[name]), default="")
        self.programs = sorted(self.rows, key=self._rank)

    def _rank(self, name: str) -> float:
        """Return the mean logarithm of a program's ratios to the base; last without any.

        So a program does not come first because only a fast machine has it.
        """
        ratios = self.compare(name).values()
        return fmean(map(math.log, ratios)) if ratios else math.inf

    def find_case(self, name: str) -> Case:
        """Return the case of a program on the first machine that has it."""
        return next(iter(self.rows[name].values())).case

    def compare(self, name: str, base: str = "") -> dict[str, float]:
        """Return how many times as long an epoch takes as the base's on the same machine.

        Empty for a program that solves another problem than the base.
        """
        rows, others = self.rows[name], self.rows[base or self.base]
        if self.find_case(name).objective != self.find_case(base or self.base).objective:
            return {}
        return {
            machine: rows[machine].typical_seconds / others[machine].typical_seconds
            for machine in self.machines
            if machine in rows and machine in others
        }
