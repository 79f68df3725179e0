"""Put a known slowdown into an implementation, so that tests see whether a gate detects it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Trainer
from bench.worker.measure import now, time_call

Implementation = Callable[[Problem, Device], Trainer]


class SlowedTrainer:
    """A Trainer that burns CPU after every n-th epoch.

    share: the time to burn, as a share of what the epoch took, so that it is the same on a fast
    and on a slow core.
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
        """Train an epoch, and burn the share of its time."""
        self._epochs += 1
        params, seconds = time_call(self._trainer.train_epoch, order)
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
    """Keep a core busy."""
    end = now() + seconds
    while now() < end:
        pass
