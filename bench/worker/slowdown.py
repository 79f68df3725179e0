"""Put a known slowdown into an implementation, so that tests see whether a gate detects it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker.measure import now_cpu

Implementation = Callable[[Problem, Device], Trainer]


class SlowedTrainer:
    """A Trainer that burns CPU time after every n-th epoch.

    share: of the CPU time that all threads of the process used in the epoch. Not of its wall time:
    on a loaded machine an epoch waits for its core, and the short burn after it does not.
    """

    def __init__(self, trainer: Trainer, share: float, every: int) -> None:
        self._trainer = trainer
        self._share = share
        self._every = every
        self._epochs = 0

    def reset(self, params: Params) -> None:
        """Reset the implementation; its epochs are counted on."""
        self._trainer.reset(params)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        """Train an epoch, and burn the share of its CPU time."""
        self._epochs += 1
        before = now_cpu()
        params = self._trainer.train_epoch(order)
        seconds = now_cpu() - before
        if self._epochs % self._every == 0:
            burn(self._share * seconds)
        return params

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Predict as the implementation does."""
        return self._trainer.predict(images)


def slow_down(implementation: Implementation, share: float, every: int) -> Implementation:
    """Return the implementation with a slowdown: see ``SlowedTrainer``."""
    return lambda problem, device: SlowedTrainer(implementation(problem, device), share, every)


def burn(seconds: float) -> None:
    """Compute until this process has used so much more CPU time."""
    end = now_cpu() + seconds
    while now_cpu() < end:
        pass
