"""The plan of ``bench ab``, and the pairs of trials that it measures."""

import msgspec

from bench.records.schema import Case, Trial
from bench.regression.pairs.plan import BASELINE, CANDIDATE, PairedPlan, order_sides
from bench.regression.stats.decision import Rule

PROCESS_TIMEOUT = 600.0  # seconds of a process
# Epochs at most this number of turns apart share the machine's state. Two: on some machines
# every second epoch takes longer (docs/studies/turns.csv).
REACH = 2


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
    """An implementation that one version lacks."""

    implementation: str
    reason: str  # names that version
    side: str = ""  # that version, BASELINE or CANDIDATE; empty in plans of earlier suites


class ComparisonPlan(PairedPlan, frozen=True, kw_only=True):
    """The plan of ``bench ab`` of implementations, as it is stored."""

    pairings: tuple[Pairing, ...]
    absent: tuple[Absent, ...] = ()
    gates: tuple[str, ...] = ()  # names of the metrics that are judged beside the epoch
    cpu_time: bool = False  # the epoch's CPU time is judged where the process computes
    reach: int = 0  # ratios count of epochs at most this number of turns apart

    @property
    def rule(self) -> Rule:
        """The rule of the whole comparison: each judged metric of each case is one test."""
        return self.make_rule(len(self.pairings) * (1 + len(self.gates)))


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
