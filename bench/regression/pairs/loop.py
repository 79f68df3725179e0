"""Measure pairs until a comparison is decided, or until its time is up."""

import math
from collections.abc import Sequence
from typing import Protocol

from bench.regression.pairs.judge import close_schedule
from bench.regression.result import CaseComparison, Reporter
from bench.regression.stats.false_alarms import LookSchedule, count_fewest_pairs, schedule_looks
from bench.runner.events import Transient
from bench.worker.measure import now

# A short budget is divided into this many pairs more than the minimum for a decision, so that one
# small difference may have the other sign. Each pair is as long as its share of the time allows:
# its noise falls almost in proportion to 1 / (number of epochs). A longer budget gives more pairs.
SPARE_PAIRS = 2
# The looks are planned again after each of this many pairs, because the first pair reads cold
# files. No look happens before that, so no result influences the number of looks.
PLANNING_PAIRS = 3


class PairSource(Protocol):
    """What is measured in pairs, and judged together.

    name: of all of it, for progress. alpha: the level of one test, known after the first pair.
    """

    name: str
    alpha: float

    def plan(self, allowed: float) -> float:
        """Choose how long the next pair is within the allowed seconds; return its seconds."""

    def measure(self, number: int) -> bool:
        """Measure a pair, and return whether all of its processes succeeded.

        0 is the first pair: it shows that both versions work, and how long they take.
        """

    def save_looks(self, looks: LookSchedule) -> None:
        """Store after which numbers of pairs the comparison is tested."""

    def judge(self) -> Sequence[CaseComparison]:
        """Judge all pairs so far."""


def measure_until_decided(pairs: PairSource, end: float, progress: Reporter) -> None:
    """Measure pairs until all is decided, a process failed, or the time is up.

    progress: gets a step before each pair, and the cases whenever they were judged; first a line
    if the time is too short for any decision. end: on the monotonic clock. The length of a pair is
    chosen anew before each, so that the planned pairs fit even if the machine becomes slower. It
    depends on times that both sides share, not on their ratio.
    """
    if pairs.measure(0) and _measure_planned(pairs, end, progress):
        return
    for case in pairs.judge():
        progress(case)


def _measure_planned(pairs: PairSource, end: float, progress: Reporter) -> bool:
    """Measure the pairs after the first; return whether a look has decided all."""
    least = count_fewest_pairs(pairs.alpha)
    fewest = least + SPARE_PAIRS
    seconds = pairs.plan((end - now()) / fewest)
    if least * seconds > end - now():
        minutes = math.ceil(least * seconds / 60)
        progress(
            f"{pairs.name}: a pair takes {seconds:.1f} s, and a decision needs {least}. Give "
            f"--budget {minutes}m or more, or measure less"
        )
    looks: LookSchedule = (fewest,)
    number = 0
    while number < looks[-1]:
        planned = fewest if number <= PLANNING_PAIRS else looks[-1]
        seconds = pairs.plan((end - now()) / (planned - number))
        if number <= PLANNING_PAIRS:
            fitting = number + int((end - now()) / seconds)
            looks = schedule_looks(max(least, fitting), pairs.alpha)
            pairs.save_looks(looks)
        progress(Transient(f"{pairs.name}: pair {number + 1} of {looks[-1]} at most"))
        if now() + seconds > end or not pairs.measure(number + 1):
            # The index takes a comparison that ends between two looks for one that was killed.
            pairs.save_looks(close_schedule(looks, number) if number else ())
            break
        number += 1
        if number in looks[:-1]:
            cases = pairs.judge()
            for case in cases:
                progress(case)
            if not any(case.unsettled or case.verdict == "undecided" for case in cases):
                return True
    return False
