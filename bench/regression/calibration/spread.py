"""Read the calibrations of a machine, and estimate the spread of each case."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, variance

from bench.errors import UserError
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import Slowdown, TrialRecord
from bench.records.store import read_plan, read_trials
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.paired.judge_pairs import EPOCH, RecordPair, collect_pairs, compute_log_ratio
from bench.regression.stats import power
from bench.regression.stats.decision import Rule
from bench.regression.stats.false_alarms import MIN_PAIRS


@dataclass(frozen=True, slots=True)
class MeasuredBlock:
    """Successful pairs of one case, measured in a row. started: UTC, ISO 8601."""

    session: str
    started: str
    pairs: tuple[RecordPair, ...]

    @property
    def logs(self) -> list[float]:
        """Logarithms of the candidate's minimum epoch over the baseline's, by pair."""
        logs = (compute_log_ratio(EPOCH, *pair) for pair in self.pairs)
        return [log for log in logs if log is not None]

    @property
    def minima(self) -> list[float]:
        """Logarithms of the minimum epoch of each process without an injected slowdown."""
        return [
            math.log(min(record.epoch_seconds))
            for pair in self.pairs
            for record in pair
            if record.slowdown is None
        ]


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of logarithms, from ``count`` blocks.

    epochs: within a process. processes: of their minima, within a block. blocks: between blocks,
    beyond what the processes explain.
    """

    epochs: float
    processes: float
    blocks: float
    count: int

    def ratio_deviation(self, baseline: int, candidate: int) -> float:
        """Return the deviation of the log ratio of two runs with these numbers of processes."""
        within = self.processes**2 * (1 / baseline + 1 / candidate)
        return math.sqrt(within + 2 * self.blocks**2)


class Calibrations:
    """All calibration blocks in a folder, by the slug of their case and by injected slowdown."""

    def __init__(self, folder: Path) -> None:
        self._blocks: dict[tuple[str, Slowdown | None], list[MeasuredBlock]] = defaultdict(list)
        for path in sorted(folder.glob(f"*/{CALIBRATION_PLAN}")):
            plan = read_plan(path, CalibrationPlan)
            blocks: dict[tuple[str, int], list[TrialRecord]] = defaultdict(list)
            for record in read_trials(path.parent):
                blocks[record.case.slug, (record.round - 1) // plan.pairs].append(record)
            for (case, _), records in blocks.items():
                slowdown = next((record.slowdown for record in records if record.slowdown), None)
                if pairs := collect_pairs(records):
                    block = MeasuredBlock(plan.run, records[0].started, tuple(pairs))
                    self._blocks[case, slowdown].append(block)

    @property
    def cases(self) -> list[str]:
        """The slugs of the calibrated cases."""
        return sorted({case for case, _ in self._blocks})

    def slowdowns(self, case: str) -> list[Slowdown]:
        """Return the slowdowns that were injected into a case."""
        injected = {
            slowdown for name, slowdown in self._blocks if name == case and slowdown is not None
        }
        return sorted(injected, key=lambda slowdown: (slowdown.every, slowdown.share))

    def blocks(self, case: str, slowdown: Slowdown | None = None) -> Sequence[MeasuredBlock]:
        """Return the blocks of a case, in the order measured."""
        return self._blocks.get((case, slowdown), [])

    def logs(self, case: str, slowdown: Slowdown | None = None) -> list[float]:
        """Return the log ratios of all pairs of a case, in the order measured."""
        return [log for block in self.blocks(case, slowdown) for log in block.logs]

    def spread(self, case: str) -> Spread | None:
        """Return the spread of a case; None if fewer than two blocks show it."""
        return estimate_spread(self.blocks(case))

    def detectable_slowdown(self, case: str, pairs: int, rule: Rule) -> float | None:
        """Return the slowdown, as a share, that this many pairs detect with probability 95 %.

        None with fewer than two blocks of the case, or with too few pairs for any decision.
        """
        if len(self.blocks(case)) < 2 or pairs < MIN_PAIRS:
            return None
        return power.find_smallest_slowdown(self.logs(case), pairs, rule, draws=200)


def estimate_spread(blocks: Sequence[MeasuredBlock]) -> Spread | None:
    """Split the variance of the minimum epochs of blocks without an injected slowdown."""
    groups = [block.minima for block in blocks if len(block.minima) > 1]
    if len(groups) < 2:
        return None
    within = fmean(variance(group) for group in groups)
    # The harmonic mean of the sizes: blocks that were cut short know their own mean less well.
    size = len(groups) / sum(1 / len(group) for group in groups)
    between = variance(fmean(group) for group in groups) - within / size
    epochs = fmean(
        variance(map(math.log, record.epoch_seconds))
        for block in blocks
        for pair in block.pairs
        for record in pair
    )
    return Spread(math.sqrt(epochs), math.sqrt(within), math.sqrt(max(0.0, between)), len(groups))


def locate_calibrations(machine: str) -> Path:
    """Return the folder of a machine's calibrations, in the user's data folder."""
    import platformdirs

    try:
        base = Path(platformdirs.user_data_dir("softmax-bench")).expanduser()
    except RuntimeError as error:
        raise UserError("no home folder for calibrations. Set XDG_DATA_HOME") from error
    return base / "calibrations" / machine
