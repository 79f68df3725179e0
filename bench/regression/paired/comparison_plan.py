"""The plan of ``bench ab``, and the pairs of trials that it measures."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from bench.errors import UserError
from bench.records.schema import FORMAT, BasePlan, Case, Precision, Seconds, Share, Trial
from bench.records.store import make_run_name
from bench.regression.stats.decision import TOLERANCE, Rule
from bench.regression.stats.false_alarms import ALPHA
from bench.regression.versions.names import Version, find_incompatibility
from bench.regression.versions.venv import PipOptions

TIMEOUT = 600.0  # seconds of a process
BASELINE, CANDIDATE = "base", "candidate"  # the version of a trial, in its record


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case in both versions. Two files may have different names."""

    baseline: Case = msgspec.field(name="base")
    candidate: Case

    @property
    def name(self) -> str:
        """The implementation, or both if the names differ."""
        baseline, candidate = self.baseline.implementation, self.candidate.implementation
        return baseline if baseline == candidate else f"{baseline} → {candidate}"


class Absent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An implementation that one version lacks.

    side: that version, BASELINE or CANDIDATE; empty in plans of earlier suites. reason: names it.
    """

    implementation: str
    reason: str
    side: str = ""


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


class ComparisonPlan(PairedPlan, frozen=True, kw_only=True):
    """The plan of ``bench ab`` of implementations, as it is stored.

    gates: names of the metrics that are judged beside the epoch. cpu_time: the epoch's CPU time is
    judged where the process computes.
    """

    pairings: tuple[Pairing, ...]
    absent: tuple[Absent, ...] = ()
    gates: tuple[str, ...] = ()
    cpu_time: bool = False

    @property
    def rule(self) -> Rule:
        """The rule of the whole comparison: each judged metric of each case is one test."""
        return self.make_rule(len(self.pairings) * (1 + len(self.gates)))


AnyPlan = TypeVar("AnyPlan", bound=PairedPlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the user asks of a comparison in pairs, whatever it measures.

    baseline: None for the candidate's version, where something else differs. command: as recorded.
    progress: gets a line for each slow step. tolerance: share. budget: seconds of measuring. envs:
    variables of the processes of either side. install, additions: see ``resolve_versions``.
    allowed: "same-code", "missing", "nothing": what else ends the comparison.
    """

    baseline: str | None
    candidate: str
    command: str
    progress: Callable[[str], None]
    tolerance: float = TOLERANCE
    budget: float = 180.0
    envs: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    install: bool = False
    additions: tuple[str, ...] = ()
    allowed: Collection[str] = ()
    pip: PipOptions = PipOptions()  # noqa: RUF009 - frozen

    def parse(self, parse: Callable[[str], Version]) -> list[Version]:
        """Return both versions with their variables, by a function that reads a version's name.

        Raises UserError if nothing differs, or if they cannot be compared.
        """
        if self.baseline is None and self.envs[0] == self.envs[1]:
            raise UserError("nothing differs: add --base VERSION, --base-env or --candidate-env")
        versions = [
            msgspec.structs.replace(parse(name), env=dict(env))
            for name, env in zip(
                (self.baseline or self.candidate, self.candidate), self.envs, strict=True
            )
        ]
        if reason := find_incompatibility(*versions):
            raise UserError(reason)
        return versions

    def make_plan(
        self, kind: type[AnyPlan], baseline: Version, candidate: Version, **own: Any
    ) -> AnyPlan:
        """Return the plan of a new comparison; own: the fields of this kind."""
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
            **own,
        )


def order_sides() -> list[str]:
    """Return the two sides of a pair in the order in which they are measured.

    Without a coin, the cost of being first would look like a difference.
    """
    return secrets.SystemRandom().sample((BASELINE, CANDIDATE), 2)


def plan_pair(number: int, pairing: Pairing, epochs: int) -> list[Trial]:
    """Return the two trials of a pair in the order in which they are measured.

    number: of the pair within its case. epochs: of each that are timed.
    """
    sides = {BASELINE: pairing.baseline, CANDIDATE: pairing.candidate}
    cases = {side: msgspec.structs.replace(case, epochs=epochs) for side, case in sides.items()}
    return [
        Trial(f"p{number}-{side}-{cases[side].slug}", "trial", number, cases[side], side, lean=True)
        for side in order_sides()
    ]
