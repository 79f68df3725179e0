"""Two versions of a case, one process each, directly after one another."""

import random
from collections.abc import Iterator
from typing import cast

from bench.records.schema import Case, Slowdown, Trial, TrialRecord
from bench.runner.executor import RunContext
from bench.runner.recorder import Runner

BASE, CANDIDATE = "base", "candidate"


def trials(
    number: int, cases: tuple[Case, Case], planned: RunContext, slowdown: Slowdown | None = None
) -> list[Trial]:
    """Return the trials of a pair in the order in which they are measured: a coin decides.

    number: of the pair among those of this case, from 1. cases: as the base and the candidate have
    it. planned: the run, whose name makes the coins its own; with the same coins in every run, what
    being first costs would look like a difference. slowdown: put into the candidate.
    """
    base, candidate = cases
    pair = [
        Trial(f"p{number}-{BASE}-{base.slug}", "trial", number, base, BASE),
        Trial(
            f"p{number}-{CANDIDATE}-{candidate.slug}", "trial", number, candidate, CANDIDATE,
            slowdown,
        ),
    ]  # fmt: skip
    coin = random.Random(f"{planned.run}/{planned.seed}/{base.slug}/{number}")  # noqa: S311 - no secret
    coin.shuffle(pair)
    return pair


def measured(runner: Runner, pair: list[Trial]) -> Iterator[TrialRecord]:
    """Measure a pair; a record as each of its trials ends."""
    for trial in pair:
        yield cast("TrialRecord", runner.measure(trial))
