"""A version against itself on this machine: what noise alone does, and what is seen through it."""

import datetime as dt
import random
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from bench.cli import parsing
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.records.schema import FORMAT, Case, Slowdown, TrialRecord
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
    inject: str,
    budget: str,
    rest: tuple[float, int, str | None],
    command: str,
) -> Calibration:
    """Plan a session; ``rest`` are timeout, seed and data. Raises UserError."""
    timeout, seed, data = rest
    now = dt.datetime.now(dt.UTC)
    return Calibration(
        format=FORMAT, run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", command=command,
        created=now.isoformat(timespec="seconds"), seed=seed, cases=cases,
        slowdowns=slowdowns(inject), budget=parsing.seconds(budget) or 0.0, timeout=timeout,
        data=data,
    )  # fmt: skip


def slowdowns(text: str) -> tuple[Slowdown, ...]:
    """Read what is to be injected, such as 5% or 5%,20%/5, or none; raises UserError."""
    found = []
    for part in () if text == "none" else text.split(","):
        share, slash, every = part.strip().partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]?", every):
            raise UserError(f"--inject {text}: after / stands every how many epochs, as in 20%/5")
        found.append(Slowdown(parsing.share(share, "--inject") or 0.0, int(every or 1)))
    return tuple(dict.fromkeys(found))


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
    records: tuple[TrialRecord, ...]
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


def _block(runner: Runner, session: Calibration, block: Block, end: float) -> Iterator[TrialRecord]:
    first = (block.number - 1) * session.pairs + 1
    for number in range(first, first + session.pairs):
        if now() >= end:
            return
        two = pair.trials(number, (block.case, block.case), session, block.slowdown)
        yield from pair.measured(runner, two)
