"""What a round draws at random: the initial weights, and the order of the samples in each epoch.

Every round has its own entropy, which all of its trials share and which no worker holds: a worker
sees an order when its epoch begins. The entropy is written into the run's folder when the round is
over, so that anybody can draw the same orders again.
"""

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params
from bench.worker.workloads import Workload

# Epoch 0 is the first one of a process, whose time includes compilation. The timed epochs start
# from the initial weights again, at epoch 1. Every epoch has an order of its own.
FIRST_EPOCH = 0
# The untimed epochs that warm a GPU up have numbers from here on.
WARM_UP = 1001

_HEX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one round. entropy: 128 bits, as hexadecimal digits."""

    entropy: str

    @classmethod
    def make(cls, seed: int | None, number: int) -> "Draws":
        """Return the draws of a round; without a seed nobody can know them beforehand."""
        if seed is None:
            return cls(secrets.token_hex(_HEX_DIGITS // 2))
        return cls(hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()[:_HEX_DIGITS])

    @property
    def id(self) -> str:
        """A name of the entropy, from which it cannot be computed."""
        return hashlib.sha256(self.entropy.encode()).hexdigest()[:12]

    def draw_order(self, epoch: int, samples: int) -> NDArray[np.int64]:
        """Return the permutation in which an epoch takes the samples: int64 (samples,)."""
        return self._start_generator(epoch).permutation(samples)

    def draw_initial_params(self, workload: Workload, features: int, classes: int) -> Params:
        """Return the weights before the first step: zeros, or Glorot uniform; the bias is zero.

        Glorot uniform: ``U(-limit, limit)`` with ``limit = sqrt(6 / (features + classes))``, the
        default of Keras's Dense layer (Glorot and Bengio 2010, equation 16).
        """
        if workload.initial == "zeros":
            weight = np.zeros((features, classes), np.float32)
        else:
            limit = np.sqrt(6 / (features + classes))
            uniform = self._start_generator().uniform(-limit, limit, (features, classes))
            weight = uniform.astype(np.float32)
        return Params(weight, np.zeros(classes, np.float32))

    def _start_generator(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([int(self.entropy, 16), *numbers])
