"""Measure a version against itself, with and without an injected slowdown."""

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec

from bench.data.dataset import Dataset
from bench.records.schema import Case, Slowdown
from bench.regression.paired.comparison_plan import (
    BASELINE,
    CANDIDATE,
    Pairing,
    plan_pair,
)
from bench.runner.process.spec import Installation
from bench.runner.runner import Runner
from bench.worker.measure import now

# Of a block: enough for the first look of a short comparison, and over in less than a minute.
PAIRS = 12


class CalibrationPlan(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"data_source": "data"},
):
    """The plan of one session of ``bench calibrate``, as it is stored.

    pairs: of a block. Blocks with and without a slowdown in the candidate alternate. budget:
    seconds of measuring. timeout: seconds of a process.
    """

    format: int
    run: str
    command: str
    created: str
    seed: int
    cases: tuple[Case, ...]
    slowdowns: tuple[Slowdown, ...]
    budget: float
    timeout: float
    pairs: int = PAIRS
    data_source: str | None = None


def describe_slowdown(slowdown: Slowdown | None) -> str:
    """Return what was injected into the candidate."""
    if slowdown is None:
        return "nothing"
    share = f"{100 * slowdown.share:g} %"
    return share if slowdown.every == 1 else f"{share} in one epoch of {slowdown.every}"


def generate_blocks(plan: CalibrationPlan) -> Iterator[tuple[Case, Slowdown | None]]:
    """Yield blocks without end: rounds of all cases in random order.

    Every second round injects a slowdown, if there are any; those take turns.
    """
    for turn in count():
        slowdown = None
        if plan.slowdowns and turn % 2:
            slowdown = plan.slowdowns[turn // 2 % len(plan.slowdowns)]
        order = list(plan.cases)
        random.Random(f"{plan.seed}/{turn}").shuffle(order)
        for case in order:
            yield case, slowdown


def measure_session(folder: Path, plan: CalibrationPlan, data: Dataset) -> Iterator[str]:
    """Measure blocks until the budget is spent, which may cut the last one short.

    Yields a line before each block. The caller has the host's lock.
    """
    end = now() + plan.budget
    installations = {BASELINE: Installation(), CANDIDATE: Installation()}
    runner = Runner(folder, plan, data, installations=installations)
    for number, (case, slowdown) in enumerate(generate_blocks(plan)):
        injected = f"{case.implementation}, {describe_slowdown(slowdown)} injected"
        yield f"block {number + 1}: {injected}; {end - now():.0f} s left"
        pairing = Pairing(case, case)
        for pair in range(number * plan.pairs + 1, (number + 1) * plan.pairs + 1):
            runner.measure_pair(plan_pair(pair, pairing, plan, slowdown), brief=True)
            if now() >= end:
                return
