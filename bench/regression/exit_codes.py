"""How a comparison of two versions ends: the exit status."""

from collections.abc import Sequence

from bench.regression.paired.plan import Comparison
from bench.regression.paired.result import Finding

# Slower always fails: a gate that is asked for fewer failures than that is none.
FAIL_ON = ("slower", "undecided")


def status(
    plan: Comparison, found: Sequence[Finding], failing: Sequence[str] = (), *, named: bool
) -> int:
    """Return the exit status of a comparison: the first of these that holds.

    1 for a candidate that is slower or wrong, and for an undecided one where ``failing`` names it;
    3 for a trial that failed; 4 where an implementation that was named has nothing to be compared
    with, or none is available; else 0.
    """
    outcomes = {each.outcome for each in found}
    if outcomes & {"slower", "wrong", *failing}:
        return 1
    if "failed" in outcomes:
        return 3
    nothing = bool(outcomes) and outcomes <= {"unavailable"}
    return 4 if nothing or (named and (plan.absent or "unavailable" in outcomes)) else 0
