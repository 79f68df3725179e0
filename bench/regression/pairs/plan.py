"""The plan that all comparisons in pairs have in common, and what the user asks of one."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec

from bench.data import cache
from bench.records.schema import FORMAT, BasePlan, Precision, Seconds, Share
from bench.records.store import RESULTS, check_writable, make_run_name
from bench.regression.result import CaseVerdict, ComparisonResult, Reporter
from bench.regression.stats.decision import DEFAULT_TOLERANCE, Rule
from bench.regression.stats.false_alarms import ALPHA
from bench.regression.versions.names import Version
from bench.regression.versions.venv import PipOptions, read_options
from bench.worker import machine

BASELINE, CANDIDATE = "base", "candidate"  # the version of a trial, in its record


class PairedPlan(BasePlan, frozen=True, kw_only=True):
    """What every comparison in pairs stores. budget: seconds. tolerance, alpha: see ``Rule``."""

    baseline: Version = msgspec.field(name="base")
    candidate: Version
    tolerance: Share
    alpha: Precision
    budget: Seconds

    def make_rule(self, tests: int) -> Rule:
        """Return the rule, if this number of tests is judged together."""
        return Rule(self.tolerance, self.alpha, family=max(1, tests))


FailOn = Literal["slower", "undecided", "never"]
FAILING: Mapping[FailOn, Sequence[CaseVerdict]] = {
    "slower": ("slower",),
    "undecided": ("slower", "undecided"),
    "never": (),
}

AnyPlan = TypeVar("AnyPlan", bound=PairedPlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the user asks of a comparison in pairs, whatever it measures."""

    baseline: str
    candidate: str
    command: str  # as recorded
    progress: Reporter
    tolerance: float = DEFAULT_TOLERANCE  # a share
    budget: float = 180.0  # seconds of measuring
    install: bool = False  # see ``resolve_versions``, and additions
    additions: tuple[str, ...] = ()
    allowed: Collection[str] = ()  # "same-code", "missing", "nothing": what fails it otherwise
    fail_on: FailOn = "slower"
    output: Path | None = None  # the folder of the records; None for a new one
    pip: PipOptions = field(default_factory=read_options)

    def __post_init__(self) -> None:
        """Raise UserError for an output that cannot be written, before anything is built."""
        if self.output is not None:
            check_writable(self.output)

    def make_plan(
        self, kind: type[AnyPlan], baseline: Version, candidate: Version, **fields: Any
    ) -> AnyPlan:
        """Return the plan of a new comparison. fields: those of its kind."""
        run, created = make_run_name("ab-")
        return kind(
            format=FORMAT,
            run=run,
            command=self.command,
            created=created,
            seed=None,
            baseline=baseline,
            candidate=candidate,
            tolerance=self.tolerance,
            alpha=ALPHA,
            budget=self.budget,
            **fields,
        )

    def choose_folder(self, plan: PairedPlan) -> Path:
        """Return the output, or a new folder: in results/ of our own checkout, else in the cache.

        A stranger's repository stays as it is.
        """
        if self.output is not None:
            return self.output
        return (RESULTS if Path.cwd() == machine.ROOT else cache.root() / RESULTS) / plan.run

    def settle(self, result: ComparisonResult) -> ComparisonResult:
        """Return a result with what else fails it, and what does not."""
        return replace(
            result,
            fail_on=FAILING[self.fail_on],
            allow_missing="missing" in self.allowed,
            allow_nothing="nothing" in self.allowed,
        )


@dataclass(frozen=True, slots=True)
class FinishedComparison(Generic[AnyPlan]):
    """Two versions that were compared."""

    result: ComparisonResult
    plan: AnyPlan
    folder: Path  # of the records, which exists if anything was measured
    stopped: int  # the exit status of a signal that ended the comparison, or 0


def order_sides() -> list[str]:
    """Return the two sides of a pair in the order in which they are measured.

    Without a coin, the cost of being first would look like a difference.
    """
    return secrets.SystemRandom().sample((BASELINE, CANDIDATE), 2)
