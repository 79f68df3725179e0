"""Two versions of a case, one process each, directly after one another."""

import random
from collections.abc import Iterator

from bench.result import Case, Record, Slowdown, Trial
from bench.runner import Runner

BASE, CANDIDATE = "base", "candidate"


def trials(
    number: int, base: Case, candidate: Case, seed: int, slowdown: Slowdown | None = None
) -> list[Trial]:
    """Return the trials of a pair in the order in which they are measured: a coin decides.

    number: of the pair among those of this case, from 1. slowdown: put into the candidate.
    """
    pair = [
        Trial(f"p{number}-{BASE}-{base.slug}", "trial", number, base, BASE),
        Trial(f"p{number}-{CANDIDATE}-{candidate.slug}", "trial", number, candidate, CANDIDATE,
              slowdown),
    ]  # fmt: skip
    random.Random(f"{seed}/{base.slug}/{number}").shuffle(pair)  # noqa: S311 - an order, not a secret
    return pair


def measured(runner: Runner, pair: list[Trial]) -> Iterator[Record]:
    """Measure a pair; a record as each of its trials ends."""
    for trial in pair:
        yield runner.measure(trial)
