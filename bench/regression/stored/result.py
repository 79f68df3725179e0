"""A comparison of two stored measurements as a whole: whether there is one, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.regression.stats.decision import Rule
from bench.regression.stored.compare import Compared, Outcome, Spreads, compare
from bench.regression.stored.series import Side

# What can be said of times. Nothing else has been compared, and only this can pass.
TIMED: frozenset[Outcome] = frozenset({"slower", "faster", "no change", "undecided"})
MISSING: frozenset[Outcome] = frozenset({"missing in baseline", "missing in candidate"})


@dataclass(frozen=True, slots=True)
class Terms:
    """How stored measurements are compared.

    across_machines: also those of different machines, or of which nothing tells the machine.
    undecided_fails: whether what is undecided ends with 1 as what is slower does.
    """

    rule: Rule
    between_runs: float
    across_machines: bool = False
    undecided_fails: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """All cases of two sides; none where the sides are refused, which ``refusal`` says why."""

    baseline: Side
    candidate: Side
    terms: Terms
    cases: Sequence[Compared]
    refusal: str | None = None

    @property
    def across(self) -> bool:
        """Tell whether nothing says that both sides were measured on one machine."""
        return not alike(self.baseline, self.candidate)

    def count(self, *outcomes: Outcome) -> int:
        """Count the cases that ended so."""
        return sum(each.outcome in outcomes for each in self.cases)

    @property
    def status(self) -> int:
        """Return the exit status; what stands higher here counts first.

        1: a case is slower or wrong, or undecided where that fails.
        3: a case failed on either side.
        4: a case is missing on one side; or none could be compared: there was no common case, all
        are unavailable, the machines or the data differ.
        0: every case was compared, or was unavailable on both sides; none of the above is so.
        """
        if self.count("slower", "wrong"):
            return 1
        if self.terms.undecided_fails and self.count("undecided"):
            return 1
        if self.count("failed"):
            return 3
        return 4 if self.count(*MISSING) or not self.count(*TIMED) else 0


def judged(baseline: Side, candidate: Side, spreads: Spreads, terms: Terms) -> Judged:
    """Compare two sides, unless they cannot be.

    What calibrating one machine has shown does not hold between two: there it is not asked.
    """
    if refusal := _refusal(baseline, candidate, terms):
        return Judged(baseline, candidate, terms, (), refusal)
    if not alike(baseline, candidate):
        spreads = _unknown
    found = compare(baseline, candidate, spreads, terms.rule, terms.between_runs)
    return Judged(baseline, candidate, terms, found)


def alike(baseline: Side, candidate: Side) -> bool:
    """Tell whether both sides are known to be of one machine."""
    return baseline.machine is not None and baseline.machine == candidate.machine


def _unknown(_name: str) -> None:
    return None


def _refusal(baseline: Side, candidate: Side, terms: Terms) -> str | None:
    if None not in (baseline.data, candidate.data) and baseline.data != candidate.data:
        return "the two were measured on different data: there is nothing to compare"
    if terms.across_machines or alike(baseline, candidate):
        return None
    if None in (baseline.machine, candidate.machine):
        what = "nothing tells whether the two were measured on one machine"
    else:
        what = "the two were measured on different machines"
    return f"{what}: there is nothing to compare; --across-machines compares them all the same"
