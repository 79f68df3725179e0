"""A version against itself on this machine: what noise alone does, and what is seen through it."""

import datetime as dt
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from bench.data.dataset import Dataset
from bench.records.schema import FORMAT, Case, Record, Slowdown
from bench.regression.paired import pair
from bench.runner import lock
from bench.runner.loop import HostBusy
from bench.runner.process.spec import Installation
from bench.runner.recorder import Runner
from bench.worker.measure import now

# Of a block: with the first look of a short gate inside, and over in less than a minute.
PAIRS = 12
PLAN = "calibration.json"


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one session of calibrating set out to do.

    A block is ``pairs`` pairs of one case one after the other; blocks with and without a slowdown
    in the candidate take turns. budget: seconds that measuring may take.
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
    data: str | None = None


def session(
    cases: tuple[Case, ...],
    *,
    slowdowns: tuple[Slowdown, ...],
    budget: float,
    timeout: float = 600.0,
    seed: int = 42,
    data: str | None = None,
    command: str,
) -> Calibration:
    """Plan a session. budget, timeout: seconds."""
    now = dt.datetime.now(dt.UTC)
    return Calibration(
        format=FORMAT,
        run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        command=command,
        created=now.isoformat(timespec="seconds"),
        seed=seed,
        cases=cases,
        slowdowns=slowdowns,
        budget=budget,
        timeout=timeout,
        data=data,
    )


@dataclass(frozen=True, slots=True)
class Block:
    """So many pairs of a case, numbered on through the session."""

    number: int
    case: Case
    slowdown: Slowdown | None


def blocks(session: Calibration) -> Iterator[Block]:
    """Number the blocks of a session without end: each case in turn, in rounds of random order.

    Every second round has nothing injected, where there is something to inject; the others take the
    slowdowns in turn.
    """
    numbers = count(1)
    for turn in count():
        injected = session.slowdowns and turn % 2
        slowdown = session.slowdowns[turn // 2 % len(session.slowdowns)] if injected else None
        order = list(session.cases)
        random.Random(f"{session.seed}/{turn}").shuffle(order)  # noqa: S311 - an order, not a secret
        for case in order:
            yield Block(next(numbers), case, slowdown)


@dataclass(frozen=True, slots=True)
class Ended:
    """A block ended, and so many seconds are left."""

    block: Block
    records: tuple[Record, ...]
    left: float


def perform(folder: Path, session: Calibration, data: Dataset) -> Iterator[HostBusy | Ended]:
    """Measure blocks until the budget is spent; the last one may be cut short."""
    with lock.open_host_lock() as host:
        if not host.take():
            yield HostBusy()
            host.wait()
        begun = now()
        places = {pair.BASE: Installation(), pair.CANDIDATE: Installation()}
        runner = Runner(folder, session, data, places=places)
        for block in blocks(session):
            records = tuple(_block(runner, session, block, begun + session.budget))
            left = session.budget - (now() - begun)
            yield Ended(block, records, left)
            if left <= 0:
                return


def _block(runner: Runner, session: Calibration, block: Block, end: float) -> Iterator[Record]:
    first = (block.number - 1) * session.pairs + 1
    for number in range(first, first + session.pairs):
        if now() >= end:
            return
        two = pair.trials(number, (block.case, block.case), session, block.slowdown)
        yield from pair.measured(runner, two)
