"""Synthetic pairs and comparisons."""

import math
from collections.abc import Iterable
from typing import Any

from support.records import bare, case, ok

from bench.analysis.intervals import Interval
from bench.records.schema import FORMAT, Case, Record
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.comparison_plan import ComparisonPlan, Pairing
from bench.regression.stats.signed_rank import Difference
from bench.regression.versions.names import Version

# Fields of a plan that compares ``main`` with the working tree.
PAIRED: dict[str, Any] = {
    "format": FORMAT,
    "run": "a run",
    "created": "2025-01-02T03:04:05+00:00",
    "seed": None,
    "baseline": Version("main", "revision", commit="0" * 40),
    "candidate": Version(".", "tree"),
    "tolerance": 0.02,
    "alpha": 0.01,
    "budget": 180.0,
    "timeout": 600.0,
}


def comparison(*names: str, **changes: Any) -> ComparisonPlan:
    """Return the plan of a comparison of ``main`` and the working tree.

    names: of the implementations, NumPy by default.
    """
    pairings = tuple(Pairing(case(name), case(name)) for name in names or ("numpy",))
    values = {**PAIRED, "command": "python -m bench ab main .", "pairings": pairings, **changes}
    return ComparisonPlan(**values)


def side(version: str, number: int, of: Case, epoch: float, **changes: Any) -> Record:
    """Return a successful trial of one version. epoch: its minimum epoch, in seconds."""
    # The minimum epoch of ``ok`` is half of its argument.
    trial = f"p{number}-{version}-{of.slug}"
    return ok(of, number, 2 * epoch, trial=trial, version=version, **changes)


def two(
    number: int, base: float, candidate: float, of: Case | None = None, **changes: Any
) -> list[Record]:
    """Return a pair with these minimum epochs, in seconds. changes: to both records."""
    of = of or case("numpy")
    return [
        side(BASELINE, number, of, base, **changes),
        side(CANDIDATE, number, of, candidate, **changes),
    ]


def pairs(
    logs: Iterable[float], of: Case | None = None, first: int = 1, **changes: Any
) -> list[Record]:
    """Return pairs, numbered from ``first``. logs: of the ratios of their minimum epochs."""
    return [
        record
        for number, log in enumerate(logs, first)
        for record in two(number, 0.5, 0.5 * math.exp(log), of, **changes)
    ]


def bad(version: str, number: int, of: Case | None = None, **changes: Any) -> Record:
    """Return a failed trial of one version."""
    of = of or case("numpy")
    values = {"status": "failed", "reason": "it stumbled", **changes}
    trial = f"p{number}-{version}-{of.slug}"
    return bare(of, number, trial=trial, version=version, **values)


def make_difference(
    mean: float, low: float | None = None, high: float | None = None, **changes: Any
) -> Difference:
    """Return a difference with p values of 1."""
    values: dict[str, Any] = {"p_slower": 1.0, "p_faster": 1.0, **changes}
    return Difference(ratio=Interval(mean, low, high), **values)
