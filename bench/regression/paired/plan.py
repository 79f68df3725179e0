"""What a comparison of two versions set out to do: enough to read its records again."""

import msgspec

from bench.records.schema import Case
from bench.regression.stats.decision import Rule
from bench.regression.versions.spec import Version


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case as the two versions have it: of two files the names may differ."""

    base: Case
    candidate: Case

    @property
    def name(self) -> str:
        """The implementation, or both where the names differ."""
        one, other = self.base.implementation, self.candidate.implementation
        return one if one == other else f"{one} → {other}"


class Absent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An implementation that there is nothing to compare with, and why."""

    implementation: str
    reason: str


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The plan of ``bench ab``.

    gates: names of the metrics that are judged beside the epoch (paired/metrics.py).
    tolerance, alpha: see stats/decision.py. budget: seconds that measuring may take.
    """

    format: int
    run: str
    command: str
    created: str
    seed: int
    base: Version
    candidate: Version
    pairings: tuple[Pairing, ...]
    tolerance: float
    alpha: float
    budget: float
    timeout: float
    absent: tuple[Absent, ...] = ()
    gates: tuple[str, ...] = ()
    data: str | None = None

    @property
    def rule(self) -> Rule:
        """How the whole comparison is judged: every gated quantity of every case is one test."""
        family = len(self.pairings) * (1 + len(self.gates))
        return Rule(self.tolerance, self.alpha, family=max(1, family))
