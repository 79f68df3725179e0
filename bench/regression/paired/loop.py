"""Two versions measured against each other in the same minutes, until it is clear or time is up."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.data.dataset import Dataset
from bench.records import store
from bench.records.schema import TrialRecord
from bench.regression.paired import pair
from bench.regression.paired.plan import Comparison, Pairing
from bench.regression.paired.result import Finding, findings
from bench.regression.stats.sequential import LEAST, Looks, planned
from bench.runner import lock
from bench.runner.loop import HostBusy
from bench.runner.process.spec import Installation
from bench.runner.recorder import Runner
from bench.worker.measure import now

# The least of more epochs sees a smaller slowdown, and where they are short, more cost little.
EPOCH_SECONDS, MOST_EPOCHS = 0.4, 40
# The first pairs tell how many will fit into the time: the very first reads cold files. No look has
# been made by then, so that nothing that was seen decides how many looks there are.
TELLING = 3


@dataclass(frozen=True, slots=True)
class Begun:
    """A case begins with a pair that tells how long one takes, and counts for nothing else."""

    pairing: Pairing
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Paired:
    """A pair ended; ``pairs`` are planned."""

    pairing: Pairing
    number: int
    pairs: int
    records: tuple[TrialRecord, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What all pairs of a case show at a look, or at its end."""

    finding: Finding


Event = HostBusy | Begun | Paired | Looked


def perform(
    folder: Path, plan: Comparison, data: Dataset, places: Mapping[str, Installation]
) -> Iterator[Event]:
    """Measure one case after the other; what time one leaves, the others have."""
    with lock.open_host_lock() as host:
        if not host.take():
            yield HostBusy()
            host.wait()
        end = now() + plan.budget
        runner = Runner(folder, plan, data, places=places)
        gate = _Gate(folder, plan, runner)
        for number, pairing in enumerate(plan.pairings, 1):
            yield Begun(pairing, number, len(plan.pairings))
            left = len(plan.pairings) - number + 1
            yield from gate.case(pairing, now() + (end - now()) / left)


class _Gate:
    """Measures the cases of one comparison and keeps what was planned for each."""

    def __init__(self, folder: Path, plan: Comparison, runner: Runner) -> None:
        self._folder = folder
        self._plan = plan
        self._runner = runner
        self._looks: dict[str, Looks] = {}
        self._records: list[TrialRecord] = []

    def case(self, pairing: Pairing, end: float) -> Iterator[Event]:
        """Measure pairs of one case until it is clear, something went wrong, or time is up."""
        begun = now()
        warm = self._pair(pairing, 0)
        if not _well(warm):
            yield Looked(self._finding(pairing))
            return
        pairing, seconds = lengthened(pairing, warm, now() - begun)
        looks, start, number = self._planned(pairing, 0, seconds, end), now(), 0
        while number < looks[-1] and now() + seconds <= end:
            number += 1
            records = self._pair(pairing, number)
            yield Paired(pairing, number, looks[-1], records)
            if not _well(records):
                break
            if number <= TELLING:
                seconds = (now() - start) / number
                looks = self._planned(pairing, number, seconds, end)
            if number in looks[:-1]:
                finding = self._finding(pairing)
                yield Looked(finding)
                if clear(finding):
                    return
        yield Looked(self._finding(pairing))

    def _pair(self, pairing: Pairing, number: int) -> tuple[TrialRecord, ...]:
        two = pair.trials(number, (pairing.base, pairing.candidate), self._plan)
        found = []
        for record in pair.measured(self._runner, two):
            self._records.append(record)
            found.append(record)
        return tuple(found)

    def _planned(self, pairing: Pairing, made: int, seconds: float, end: float) -> Looks:
        """Plan the looks, and keep them, when so many pairs are made and one takes so long."""
        looks = planned(max(LEAST, made + int((end - now()) / seconds)))
        self._looks[pairing.name] = looks
        store.keep_looks(self._folder, self._looks)
        return looks

    def _finding(self, pairing: Pairing) -> Finding:
        found = findings(self._plan, self._records, self._looks)
        return next(each for each in found if each.pairing.name == pairing.name)


def lengthened(
    pairing: Pairing, warm: tuple[TrialRecord, ...], seconds: float
) -> tuple[Pairing, float]:
    """Give a case as many epochs as are worth their time; return also the seconds of a pair.

    seconds: of the first pair, with as many epochs as the case has now.
    """
    epoch = max(min(record.epoch_seconds) for record in warm)
    least = pairing.base.epochs
    epochs = max(least, min(MOST_EPOCHS, math.ceil(EPOCH_SECONDS / epoch)))
    sides = (msgspec.structs.replace(case, epochs=epochs)
             for case in (pairing.base, pairing.candidate))  # fmt: skip
    return Pairing(*sides), seconds + 2 * (epochs - least) * epoch


def clear(finding: Finding) -> bool:
    """Tell whether more pairs would change nothing that the gate asks for."""
    return finding.outcome != "undecided"


def _well(records: tuple[TrialRecord, ...]) -> bool:
    return all(record.status == "ok" for record in records)
