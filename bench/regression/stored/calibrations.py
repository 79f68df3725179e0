"""Read the calibrations of a machine: the decisions that were made, and the spread of epochs.

docs/studies/calibrate.py makes them: whole comparisons of versions with themselves.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from statistics import fmean, variance

import msgspec
import platformdirs

from bench.errors import UserError
from bench.records import timestamps
from bench.records.layout import CALIBRATION_PLAN, COMPARISON_PLAN, DECISION
from bench.records.schema import BasePlan, Case, Environment, Seconds, Slowdown, TrialRecord, Value
from bench.records.store import read_plan
from bench.regression.pairs.judge import Measured, collect_pairs, read_measured
from bench.regression.programs.comparison_plan import ComparisonPlan
from bench.regression.programs.judge_pairs import (
    RecordPair,
    choose_epoch,
    compute_log_ratio,
    group_records,
    judge_cases,
)
from bench.regression.result import CaseVerdict
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.false_alarms import MAX_PAIRS, count_fewest_pairs

HOUR, DAY = 3600.0, 86_400.0
# Decisions of one hour share its state of the machine. With fewer hours, a quantile of Student's t
# is so large that the ratio without a calibration (20 %) decides earlier.
MIN_HOURS = 4
# Two runs of 13 cases hours apart on one machine, with nothing changed, differ by 4.5 % (root mean
# square; results/reference/amd-epyc-2-cores-first and -second): 3.2 % a run. Calibrations of less
# than a day cannot know of a smaller spread.
MIN_BETWEEN = 0.032


class CalibrationPlan(BasePlan, frozen=True, kw_only=True):
    """The plan of one session, as it is stored."""

    cases: tuple[Case, ...]
    slowdowns: tuple[Slowdown, ...]
    budget: Seconds  # of the session
    decision_budget: Seconds  # of each comparison


class Design(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a comparison was designed, written when it is over."""

    slowdown: Slowdown | None  # of the candidate
    swapped: bool  # the labels of the two places
    conditions: dict[str, Value | None]  # see ``bench.runner.host.machine.compare_readings``


@dataclass(frozen=True)
class MeasuredDecision:
    """A finished comparison of a case with itself: its plan, what it measured, and its design."""

    plan: ComparisonPlan
    design: Design
    measured: Measured[TrialRecord]

    @cached_property
    def verdict(self) -> CaseVerdict | None:
        """The verdict of ``bench ab``; None if the session ended before its first pair."""
        cases = judge_cases(self.plan, self.measured.records, self.measured.looks)
        return cases[0].verdict if cases else None

    @cached_property
    def pairs(self) -> list[RecordPair]:
        """The pairs of which both processes succeeded, in the order measured."""
        return collect_pairs(self.measured.records)

    @property
    def logs(self) -> list[float]:
        """Logarithms of the candidate's judged epoch over the baseline's, by pair."""
        epoch = choose_epoch(self.plan, self.measured.records)
        logs = (compute_log_ratio(epoch, *pair, self.plan.reach) for pair in self.pairs)
        return [log for log in logs if log is not None]

    @property
    def case(self) -> str:
        """The slug of the case."""
        return self.plan.pairings[0].baseline.slug

    @property
    def started(self) -> str:
        """When its first process started: UTC, ISO 8601."""
        return self.measured.records[0].started

    def list_minima(self, epochs: int | None = None) -> list[float]:
        """Return the log minimum epoch of each process without an injected slowdown.

        epochs: how many of each process count, from the first one on; None for all.
        """
        sides = 1 if self.design.slowdown else 2
        records = (record for pair in self.pairs for record in pair[:sides])
        return [math.log(min(record.epoch_seconds[:epochs])) for record in records]


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of logarithms."""

    processes: float  # of their minimum epochs, within a decision
    blocks: float  # between decisions of different hours, beyond what the processes explain
    hours: int  # different ones, of the decisions

    def ratio_deviation(self, baseline: int, candidate: int) -> float:
        """Return the deviation of the log ratio of two runs with these numbers of processes."""
        within = self.processes**2 * (1 / baseline + 1 / candidate)
        return math.sqrt(within + 2 * self.blocks**2)


@dataclass
class Calibrations:
    """All sessions in a folder, in their order. faults: why others were left out, a line each."""

    decisions: list[MeasuredDecision] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def environments(self) -> list[Environment]:
        """Those of all decisions."""
        found = (decision.measured.environments.values() for decision in self.decisions)
        return [*chain.from_iterable(found)]

    @property
    def cases(self) -> list[str]:
        """The slugs of the calibrated cases."""
        return sorted({decision.case for decision in self.decisions if decision.pairs})

    def logs(self, case: str) -> list[float]:
        """Return the log ratios of all pairs of equal versions, in the order measured."""
        equal = [
            decision
            for decision in self.decisions
            if decision.case == case and not decision.design.slowdown
        ]
        return [log for decision in equal for log in decision.logs]

    def spread(self, case: str, epochs: int | None = None) -> Spread | None:
        """Return the spread of a case: see ``estimate_spread``."""
        return estimate_spread(
            [decision for decision in self.decisions if decision.case == case], epochs
        )

    def detectable_slowdown(self, case: str, pairs: int, rule: Rule) -> float | None:
        """Return the slowdown, as a share, that this many pairs detect with probability 95 %.

        None with fewer measured pairs than that, or with too few for any decision.
        """
        logs = self.logs(case)
        if pairs < count_fewest_pairs(rule.alpha_per_test) or len(logs) < pairs:
            return None
        return power.find_smallest_slowdown(logs, pairs, rule)

    def add_session(self, folder: Path, machine: str | None = None) -> CalibrationPlan:
        """Add what one session has measured, and return its plan.

        machine: see ``load_calibrations``. Raises UserError, and adds nothing, if it is damaged.
        """
        session = read_plan(folder / CALIBRATION_PLAN, CalibrationPlan)
        decisions = []
        for path in sorted(folder.glob(f"*/{DECISION}")):
            plan = read_plan(path.with_name(COMPARISON_PLAN), ComparisonPlan)
            measured = read_measured(path.parent, TrialRecord)
            if len(plan.pairings) != 1 or len(measured.records) > 2 * MAX_PAIRS + 2:
                raise UserError(f"{path.parent}: not a comparison of one case. Delete it")
            group_records(plan, measured.records)  # refuses a record of another case
            environments = measured.environments.values()
            if machine is not None and {of.machine.get("id") for of in environments} - {machine}:
                raise UserError(f"{folder} was calibrated on another machine. Remove it")
            decisions.append(MeasuredDecision(plan, read_plan(path, Design), measured))
        self.decisions += decisions
        return session


def load_calibrations(folder: Path, machine: str | None = None) -> Calibrations:
    """Read all sessions in a folder but damaged ones; a missing folder holds none.

    machine: the id of the machine that must have measured them, None for any.
    """
    calibrations = Calibrations()
    for path in sorted(folder.glob(f"*/{CALIBRATION_PLAN}")):
        try:
            calibrations.add_session(path.parent, machine)
        except UserError as error:
            calibrations.faults.append(f"left out: {error}")
    return calibrations


def estimate_spread(
    decisions: Iterable[MeasuredDecision], epochs: int | None = None
) -> Spread | None:
    """Split the variance of the minimum epochs of processes without an injected slowdown.

    epochs: how many of each process count, None for all; a minimum of fewer varies more.

    The variance between decisions is that of one an hour: neighbours share the hour's state.
    Below a day, it is at least that of published runs. None if there are too few hours.
    """
    usable = [decision for decision in decisions if len(decision.list_minima()) > 1]
    hourly: list[MeasuredDecision] = []
    for decision in sorted(usable, key=lambda decision: parse_seconds(decision.started)):
        last = parse_seconds(hourly[-1].started) if hourly else -math.inf
        if parse_seconds(decision.started) - last >= HOUR:
            hourly.append(decision)
    if len(hourly) < MIN_HOURS:
        return None
    within = fmean(variance(decision.list_minima(epochs)) for decision in usable)
    minima = [decision.list_minima(epochs) for decision in hourly]
    # The harmonic mean of the sizes: short decisions know their own mean less well.
    size = len(hourly) / sum(1 / len(logs) for logs in minima)
    between = variance(map(fmean, minima)) - within / size
    if parse_seconds(hourly[-1].started) - parse_seconds(hourly[0].started) < DAY:
        between = max(between, MIN_BETWEEN**2)
    return Spread(math.sqrt(within), math.sqrt(max(0.0, between)), len(hourly))


def parse_seconds(time: str) -> float:
    """Return the seconds since the epoch of an ISO 8601 time."""
    return timestamps.parse_time(time).timestamp()


def locate_calibrations(machine: str) -> Path:
    """Return the folder of a machine's calibrations, in the user's data folder."""
    try:
        base = Path(platformdirs.user_data_dir("softmax-bench")).expanduser()
    except RuntimeError as error:
        raise UserError("no home folder for calibrations. Set XDG_DATA_HOME") from error
    return base / "calibrations" / machine
