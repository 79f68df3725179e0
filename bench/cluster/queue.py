"""Which trial a host measures next: a block is one host's, in the block's own random order."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from bench.result import Trial

# As often may hosts be lost over a trial; then it is the trial's fault. Dask has the same number.
MOST_LOSSES = 3


@dataclass(slots=True)
class _Block:
    """The trials of a block that nobody measures yet, and the host whose block it is."""

    left: list[Trial]
    host: str | None = None

    @property
    def gpu(self) -> bool:
        return any(trial.case.device == "gpu" for trial in self.left)


class Queue:
    """The trials of a stage, as they are handed out to hosts of one machine.

    A round measures every case once, and is measured by one host: cases are compared round by
    round, and so never across two hosts. What a lost host leaves of its block another takes over.
    """

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._blocks = [_Block(list(block)) for _, block in groupby(trials, _block)]
        self._running: dict[str, tuple[_Block, Trial]] = {}
        self._losses: dict[str, int] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is left, be it only to come back."""
        return bool(self._blocks or self._running)

    def take(self, host: str, *, gpu: bool) -> Trial | None:
        """Return the next trial of a host that measures none; gpu: whether it may have a GPU's."""
        for block in sorted(self._blocks, key=lambda each: each.host != host):
            if block.host in {None, host} and (gpu or not block.gpu):
                trial = block.left.pop(0)
                block.host = host
                self._running[host] = block, trial
                if not block.left:
                    self._blocks.remove(block)
                return trial
        return None

    def done(self, host: str) -> None:
        """Learn that a host has measured what it took, or will not."""
        del self._running[host]

    def close(self) -> None:
        """Hand out no more."""
        self._blocks.clear()

    def lost(self, host: str) -> int:
        """Give a lost host's blocks back; return how many were lost over what it was measuring.

        That is the first of its block again, unless it was one loss too many; 0 where it measured
        nothing.
        """
        for block in self._blocks:
            block.host = None if block.host == host else block.host
        if host not in self._running:
            return 0
        block, trial = self._running.pop(host)
        losses = self._losses[trial.id] = self._losses.get(trial.id, 0) + 1
        if losses < MOST_LOSSES:
            block.left.insert(0, trial)
            block.host = None
            if not any(each is block for each in self._blocks):
                self._blocks.insert(0, block)
        return losses


def _block(trial: Trial) -> tuple[object, ...]:
    """Return what is the same for the trials of one block that follow each other."""
    return trial.kind, trial.round
