"""Measure a version against itself, with and without an injected slowdown."""

import datetime as dt
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

import msgspec

from bench.data.dataset import Dataset
from bench.records.schema import FORMAT, Case, Slowdown, TrialRecord
from bench.regression.paired.comparison_plan import (
    BASE,
    CANDIDATE,
    Pairing,
    plan_pair,
)
from bench.runner import lock
from bench.runner.loop import HostBusy
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


def plan_session(
    cases: tuple[Case, ...],
    slowdowns: tuple[Slowdown, ...],
    *,
    budget: float,
    command: str,
    timeout: float = 600.0,
    seed: int = 42,
    data: str | None = None,
) -> CalibrationPlan:
    """Return the plan of a new session. budget, timeout: seconds. data: as the user named it."""
    now = dt.datetime.now(dt.UTC)
    return CalibrationPlan(
        format=FORMAT,
        run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        command=command,
        created=now.isoformat(timespec="seconds"),
        seed=seed,
        cases=cases,
        slowdowns=slowdowns,
        budget=budget,
        timeout=timeout,
        data_source=data,
    )


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """The pairs of a case that are measured in a row; number: within the session, from 1."""

    number: int
    case: Case
    slowdown: Slowdown | None


@dataclass(frozen=True, slots=True)
class BlockMeasured:
    """A block ended. seconds_left: of the budget."""

    block: PlannedBlock
    records: tuple[TrialRecord, ...]
    seconds_left: float


def generate_blocks(plan: CalibrationPlan) -> Iterator[PlannedBlock]:
    """Yield blocks without end: rounds of all cases in random order.

    Every second round injects a slowdown, if there are any; those take turns.
    """
    numbers = count(1)
    for turn in count():
        slowdown = None
        if plan.slowdowns and turn % 2:
            slowdown = plan.slowdowns[turn // 2 % len(plan.slowdowns)]
        order = list(plan.cases)
        random.Random(f"{plan.seed}/{turn}").shuffle(order)
        for case in order:
            yield PlannedBlock(next(numbers), case, slowdown)


def measure_session(
    folder: Path, plan: CalibrationPlan, data: Dataset
) -> Iterator[HostBusy | BlockMeasured]:
    """Measure blocks until the budget is spent, which may cut the last one short."""
    with lock.open_host_lock() as host:
        if not host.take():
            yield HostBusy()
            host.wait()
        end = now() + plan.budget
        installations = {BASE: Installation(), CANDIDATE: Installation()}
        runner = Runner(folder, plan, data, places=installations)
        for block in generate_blocks(plan):
            pairing = Pairing(block.case, block.case)
            first = (block.number - 1) * plan.pairs + 1
            records: list[TrialRecord] = []
            for number in range(first, first + plan.pairs):
                if now() >= end:
                    break
                trials = plan_pair(number, pairing, plan, block.slowdown)
                records += [cast("TrialRecord", runner.measure(trial)) for trial in trials]
            seconds_left = end - now()
            yield BlockMeasured(block, tuple(records), seconds_left)
            if seconds_left <= 0:
                return
