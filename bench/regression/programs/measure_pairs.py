"""Measure two versions in alternating processes until each case is decided or time is up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import cast

from bench.data import dataset
from bench.data.dataset import Dataset
from bench.planning.cases import compute_max_samples
from bench.records import store
from bench.records.layout import COMPARISON_PLAN
from bench.records.schema import TrialRecord
from bench.regression.pairs.judge import Measured, read_measured
from bench.regression.pairs.loop import measure_until_decided
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.programs.comparison_plan import ComparisonPlan, Pairing, plan_pair
from bench.regression.programs.judge_pairs import judge_cases, make_program_result
from bench.regression.programs.prepare import CaseOptions, prepare_comparison
from bench.regression.result import CaseComparison, Reporter
from bench.regression.stats.false_alarms import LookSchedule
from bench.runner.events import Transient
from bench.runner.host.machine import read_usable_memory
from bench.runner.host.signals import Ending
from bench.runner.lock import hold_host_lock, open_host_lock
from bench.runner.process.spec import Installation
from bench.runner.runner import Runner
from bench.worker.measure import now

# The first pair shows that both versions work, and how long an epoch takes.
FIRST_EPOCHS = 2
# What the start and end of two processes and the judging of an epoch take, until a pair shows it.
PROCESS_SECONDS = 0.5
# With more than a second of epochs, the start of two processes is a small part of a pair.
EPOCH_SECONDS = 1.0
MIN_EPOCHS, MAX_EPOCHS = 3, 40


def compare_programs(
    terms: Terms, cases: CaseOptions, gates: tuple[str, ...]
) -> FinishedComparison[ComparisonPlan]:
    """Measure two versions, record and judge them. Raises UserError.

    gates: names of further metrics to judge.
    """
    with prepare_comparison(terms, cases, gates) as (plan, installations):
        folder, ending = terms.choose_folder(plan), Ending()
        if plan.pairings:
            open_host_lock()  # may raise UserError, before anything is written
            data = dataset.find(cases.data)
            store.create_run(folder, plan, COMPARISON_PLAN)
            with ending, hold_host_lock(terms.progress):
                measure_programs(folder, plan, data, installations, terms.progress)
    result = make_program_result(
        plan,
        read_measured(folder, TrialRecord) if plan.pairings else Measured(),
        required=bool(cases.implementations),
    )
    return FinishedComparison(terms.settle(result), plan, folder, ending.status)


def measure_programs(
    folder: Path,
    plan: ComparisonPlan,
    data: Dataset,
    installations: Mapping[str, Installation],
    progress: Reporter,
) -> None:
    """Measure one case after the other; the remaining cases share the remaining time.

    The caller has the host's lock.
    """
    end = now() + plan.budget
    # Compiled once for each side, unless the start itself is judged.
    warm_from = 0 if {"import", "set-up", "first-epoch"} & {*plan.gates} else 1
    runner = Runner(folder, plan, data, installations=installations, warm_from=warm_from)
    with store.lock_folder(folder), runner:
        state = _State(folder, plan, runner, data.features)
        for number, pairing in enumerate(plan.pairings, 1):
            progress(Transient(f"{pairing.name} ({number} of {len(plan.pairings)}): a first pair"))
            share = (end - now()) / (len(plan.pairings) - number + 1)
            measure_until_decided(_CasePairs(pairing, state), now() + share, progress)


@dataclass(frozen=True, slots=True)
class _State:
    """What the cases of a comparison share. records, looks: of all cases so far."""

    folder: Path
    plan: ComparisonPlan
    runner: Runner
    features: int
    records: list[TrialRecord] = field(default_factory=list)
    looks: dict[str, LookSchedule] = field(default_factory=dict)


class _CasePairs:
    """The pairs of one case."""

    def __init__(self, pairing: Pairing, state: _State) -> None:
        self.name = pairing.name
        self.alpha = state.plan.rule.alpha_per_test
        self._pairing = pairing
        self._state = state
        self._epochs = FIRST_EPOCHS
        self._epoch = self._rest = 0.0  # seconds of an epoch and of the rest of a pair

    def plan(self, allowed: float) -> float:
        """Choose the number of epochs; return the seconds of the next pair."""
        self._epochs = choose_epochs(self._epoch, self._rest, allowed)
        return self._rest + 2 * self._epochs * self._epoch

    def measure(self, number: int) -> bool:
        """Measure a pair, and how long it took."""
        begin, state = now(), self._state
        # Only workers that are judged whole predict.
        judge_one_epoch = number > 0 and "predict" not in state.plan.gates
        trials = plan_pair(number, self._pairing, self._epochs)
        if can_alternate(self._pairing, state.features):
            measured = state.runner.measure_pair(trials, judge_one_epoch=judge_one_epoch)
        else:
            measured = tuple(state.runner.measure(trial) for trial in trials)
        records = tuple(cast("TrialRecord", record) for record in measured)
        state.records.extend(records)
        if not all(record.status == "ok" for record in records):
            return False
        times = [time for record in records for time in record.epoch_seconds]
        self._epoch, self._rest = fmean(times), now() - begin - sum(times)
        if number == 0:
            self._epoch, self._rest = estimate_seconds(records)
        return True

    def save_looks(self, looks: LookSchedule) -> None:
        """Store the looks planned for this case beside those of the others."""
        self._state.looks[self.name] = looks
        store.save_looks(self._state.folder, self._state.looks)

    def judge(self) -> list[CaseComparison]:
        """Judge this case."""
        cases = judge_cases(self._state.plan, self._state.records, self._state.looks)
        return [case for case in cases if case.name == self.name]


def can_alternate(pairing: Pairing, features: int) -> bool:
    """Return whether both versions fit on this machine at the same time: two never share a GPU."""
    needed = 2 * pairing.baseline.samples
    return pairing.baseline.device == "cpu" and needed <= compute_max_samples(
        features, read_usable_memory()
    )


def choose_epochs(epoch: float, rest: float, allowed: float) -> int:
    """Return the number of epochs that a pair has time for.

    epoch, rest, allowed: seconds of an epoch, of the rest of a pair, and of the whole pair.
    """
    time = min(EPOCH_SECONDS, (allowed - rest) / 2)
    return min(MAX_EPOCHS, max(MIN_EPOCHS, math.floor(time / epoch)))


def estimate_seconds(first: tuple[TrialRecord, ...]) -> tuple[float, float]:
    """Return the seconds of an epoch and of the rest of a pair, from the first pair.

    Its whole time is no measure of the others, which are judged by one epoch and predict nothing.
    """
    rest = PROCESS_SECONDS
    for record in first:
        starts = record.import_seconds, record.setup_seconds, record.first_epoch_seconds
        rest += sum(filter(None, starts))
    return max(max(record.epoch_seconds) for record in first), rest
