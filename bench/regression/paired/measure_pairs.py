"""Measure two versions in alternating processes until each case is decided or time is up."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import cast

from msgspec.structs import replace

from bench.data.dataset import Dataset
from bench.records import store
from bench.records.schema import TrialRecord
from bench.regression.paired.comparison_plan import ComparisonPlan, Pairing, plan_pair
from bench.regression.paired.judge_pairs import judge_cases
from bench.regression.result import CaseComparison
from bench.regression.stats.false_alarms import LookSchedule, count_fewest_pairs, schedule_looks
from bench.runner.planning.cases import compute_max_samples
from bench.runner.process.spec import Installation
from bench.runner.runner import Runner
from bench.worker.measure import now

# The first pair shows that both versions work, and how long an epoch takes.
FIRST_EPOCHS = 2
# The pairs of a short budget: two more than the fewest that can decide, so that one small
# difference may have the other sign. Each has as many epochs as its share of the time allows: the
# noise of a pair falls almost as one over their number. With more time, there are more pairs.
SPARE_PAIRS = 2
# With more than a second of epochs, the start of two processes is a small part of a pair.
EPOCH_SECONDS = 1.0
MIN_EPOCHS, MAX_EPOCHS = 3, 40
# What the start and end of two processes and the judging of an epoch take, until a pair shows it.
PROCESS_SECONDS = 0.5
# The looks are planned again after each of the first pairs, because the very first reads cold
# files. No look happens before, so no result influences the number of looks.
PLANNING_PAIRS = 3


def measure(
    folder: Path, plan: ComparisonPlan, data: Dataset, installations: Mapping[str, Installation]
) -> Iterator[str | CaseComparison]:
    """Measure one case after the other; the remaining cases share the remaining time.

    Yields a line before each pair, and a case whenever it was judged. The caller has the host's
    lock.
    """
    end = now() + plan.budget
    with Runner(folder, plan, data, installations=installations) as runner:
        cases, total = _CaseLoop(folder, plan, runner, data.features), len(plan.pairings)
        for number, pairing in enumerate(plan.pairings, 1):
            yield f"{pairing.name} ({number} of {total}): a first pair"
            yield from cases.measure(pairing, now() + (end - now()) / (total - number + 1))


class _CaseLoop:
    """Measures the cases of a comparison and stores the looks planned for each."""

    def __init__(self, folder: Path, plan: ComparisonPlan, runner: Runner, features: int) -> None:
        self._folder = folder
        self._plan = plan
        self._runner = runner
        self._features = features
        self._looks: dict[str, LookSchedule] = {}
        self._records: list[TrialRecord] = []

    def measure(self, pairing: Pairing, end: float) -> Iterator[str | CaseComparison]:
        """Measure pairs of a case until it is decided, a trial failed, or time is up.

        The number of epochs is chosen anew before each pair, so that the planned pairs fit even if
        the machine becomes slower. It depends on times that both sides share, not on their ratio.
        """
        first = self._measure_pair(set_epochs(pairing, FIRST_EPOCHS), 0)
        if not _succeeded(first):
            yield self._judge(pairing)
            return
        fewest = count_fewest_pairs(self._plan.rule.alpha_per_test) + SPARE_PAIRS
        epoch, rest = estimate_seconds(first)
        looks: LookSchedule = (fewest,)
        number = 0
        while number < looks[-1]:
            planned = fewest if number <= PLANNING_PAIRS else looks[-1]
            epochs = choose_epochs(epoch, rest, (end - now()) / (planned - number))
            seconds = rest + 2 * epochs * epoch
            if number <= PLANNING_PAIRS:
                looks = self._plan_looks(pairing, number, seconds, end)
            if now() + seconds > end:
                break
            number += 1
            yield f"{pairing.name}: pair {number} of {looks[-1]} at most"
            begin = now()
            records = self._measure_pair(set_epochs(pairing, epochs), number)
            if not _succeeded(records):
                break
            times = [time for record in records for time in record.epoch_seconds]
            epoch, rest = fmean(times), now() - begin - sum(times)
            if number in looks[:-1]:
                case = self._judge(pairing)
                yield case
                if case.verdict != "undecided":
                    return
        yield self._judge(pairing)

    def _measure_pair(self, pairing: Pairing, number: int) -> tuple[TrialRecord, ...]:
        trials = plan_pair(number, pairing, self._plan)
        if can_alternate(pairing, self._features):
            measured = self._runner.measure_pair(trials, brief=number > 0)
        else:
            measured = tuple(self._runner.measure(trial) for trial in trials)
        records = tuple(cast("TrialRecord", record) for record in measured)
        self._records += records
        return records

    def _plan_looks(
        self, pairing: Pairing, measured: int, seconds: float, end: float
    ) -> LookSchedule:
        """Plan and store the looks after this many pairs, given the seconds of one pair."""
        alpha = self._plan.rule.alpha_per_test
        pairs = max(count_fewest_pairs(alpha), measured + int((end - now()) / seconds))
        looks = schedule_looks(pairs, alpha)
        self._looks[pairing.name] = looks
        store.save_looks(self._folder, self._looks)
        return looks

    def _judge(self, pairing: Pairing) -> CaseComparison:
        cases = judge_cases(self._plan, self._records, self._looks)
        return next(case for case in cases if case.name == pairing.name)


def can_alternate(pairing: Pairing, features: int) -> bool:
    """Return whether both versions fit on this machine at the same time: two never share a GPU."""
    needed = 2 * pairing.baseline.samples
    return pairing.baseline.device == "cpu" and needed <= compute_max_samples(features)


def estimate_seconds(first: tuple[TrialRecord, ...]) -> tuple[float, float]:
    """Return the seconds of an epoch and of the rest of a pair, from the first pair.

    Its whole time is no measure of the others, which are judged by one epoch and predict nothing.
    """
    rest = PROCESS_SECONDS + sum(
        (record.import_seconds or 0.0)
        + (record.setup_seconds or 0.0)
        + (record.first_epoch_seconds or 0.0)
        for record in first
    )
    return max(max(record.epoch_seconds) for record in first), rest


def choose_epochs(epoch: float, rest: float, allowed: float) -> int:
    """Return the number of epochs that a pair has time for.

    epoch, rest, allowed: seconds of an epoch, of the rest of a pair, and of the whole pair.
    """
    time = min(EPOCH_SECONDS, (allowed - rest) / 2)
    return min(MAX_EPOCHS, max(MIN_EPOCHS, math.floor(time / epoch)))


def set_epochs(pairing: Pairing, epochs: int) -> Pairing:
    """Return a pairing whose trials have this many timed epochs."""
    baseline, candidate = pairing.baseline, pairing.candidate
    return Pairing(replace(baseline, epochs=epochs), replace(candidate, epochs=epochs))


def _succeeded(records: tuple[TrialRecord, ...]) -> bool:
    return all(record.status == "ok" for record in records)
