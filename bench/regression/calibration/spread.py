"""What calibrating this machine has shown so far: pairs and spreads of every case."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance

from bench.errors import UserError
from bench.records.schema import Slowdown, TrialRecord
from bench.records.store import read_plan, read_trials
from bench.regression.calibration.session import PLAN, Calibration
from bench.regression.paired.metrics import EPOCH, log_ratio
from bench.regression.paired.result import Pair, good_pairs
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.sequential import LEAST


@dataclass(frozen=True, slots=True)
class Block:
    """Good pairs of one case, measured one after the other; started is UTC, ISO 8601."""

    session: str
    started: str
    pairs: tuple[Pair, ...]

    @property
    def logs(self) -> list[float]:
        """Logarithm of the candidate's least epoch over the base's, of every pair."""
        found = (log_ratio(EPOCH, *two) for two in self.pairs)
        return [each for each in found if each is not None]

    @property
    def minima(self) -> list[float]:
        """Logarithm of the least epoch of every process that had nothing injected."""
        plain = (record for two in self.pairs for record in two if record.slowdown is None)
        return [math.log(min(record.epoch_seconds)) for record in plain]


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of logarithms, from so many blocks.

    epochs: within a process. processes: of their least epochs, within a block. blocks: beyond what
    that explains.
    """

    epochs: float
    processes: float
    blocks: float
    count: int

    def of_two_runs(self, base: int, candidate: int) -> float:
        """Deviation of the logarithm of a ratio of two runs of so many processes each."""
        runs = self.processes**2 * (1 / base + 1 / candidate) + 2 * self.blocks**2
        return math.sqrt(runs)


class Calibrated:
    """All blocks of a machine, by the slug of their case and by what was injected."""

    def __init__(self, folder: Path) -> None:
        self._blocks: dict[tuple[str, Slowdown | None], list[Block]] = defaultdict(list)
        for path in sorted(folder.glob(f"*/{PLAN}")):
            for key, block in _blocks(path):
                self._blocks[key].append(block)

    @property
    def slugs(self) -> list[str]:
        """The cases that were calibrated."""
        return sorted({slug for slug, _ in self._blocks})

    def slowdowns(self, slug: str) -> list[Slowdown]:
        """What was injected into a case."""
        found = {each for name, each in self._blocks if name == slug and each is not None}
        return sorted(found, key=lambda each: (each.every, each.share))

    def blocks(self, slug: str, slowdown: Slowdown | None = None) -> Sequence[Block]:
        """Return the blocks of a case in the order measured."""
        return self._blocks.get((slug, slowdown), [])

    def logs(self, slug: str, slowdown: Slowdown | None = None) -> list[float]:
        """Logarithms of the ratios of all pairs of a case, in the order measured."""
        return [log for block in self.blocks(slug, slowdown) for log in block.logs]

    def spread(self, slug: str) -> Spread | None:
        """Return the spread of a case; None where two blocks or more do not tell it."""
        return spread(self.blocks(slug))

    def sees(self, slug: str, pairs: int, rule: Rule) -> float | None:
        """Return the slowdown that so many pairs of a case find 95 % of the time on this machine.

        None where it was not calibrated, or with less than two blocks.
        """
        if len(self.blocks(slug)) < 2 or pairs < LEAST:
            return None
        return power.smallest(self.logs(slug), pairs, rule, draws=200)


def spread(blocks: Sequence[Block]) -> Spread | None:
    """Split the variance of the least epochs, of blocks where nothing was injected."""
    groups = [block.minima for block in blocks if len(block.minima) > 1]
    if len(groups) < 2:
        return None
    inside = fmean(variance(group) for group in groups)
    # The harmonic mean: blocks that were cut short tell less of their own mean.
    size = len(groups) / sum(1 / len(group) for group in groups)
    between = variance(fmean(group) for group in groups) - inside / size
    epochs = [variance(map(math.log, record.epoch_seconds))
              for block in blocks for two in block.pairs for record in two]  # fmt: skip
    within, processes, runs = map(math.sqrt, (fmean(epochs), inside, max(0.0, between)))
    return Spread(within, processes, runs, len(groups))


def folder(machine: str) -> Path:
    """Return the folder of a machine's calibrations, in the user's data folder."""
    import platformdirs

    try:
        base = Path(platformdirs.user_data_dir("softmax-bench")).expanduser()
    except RuntimeError as error:
        raise UserError("no home folder for calibrations. Set XDG_DATA_HOME") from error
    return base / "calibrations" / machine


def _blocks(path: Path) -> Iterable[tuple[tuple[str, Slowdown | None], Block]]:
    plan = read_plan(path, Calibration)
    by_block: defaultdict[tuple[str, int], list[TrialRecord]] = defaultdict(list)
    for record in read_trials(path.parent):
        by_block[record.case.slug, (record.round - 1) // plan.pairs].append(record)
    for (slug, _), records in by_block.items():
        injected = next((one.slowdown for one in records if one.slowdown), None)
        if pairs := good_pairs(records):
            yield (slug, injected), Block(plan.run, records[0].started, tuple(pairs))
