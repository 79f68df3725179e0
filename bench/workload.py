"""The fixed experiments: optimizer, epochs, initial weights, and the orders of the samples."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Optimizer, Params, RMSprop

# Epoch 0 is the first epoch of a process, whose time includes compilation; the timed ones start
# again from the initial weights at epoch 1. Each has an order of its own.
FIRST_EPOCH = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """What every implementation is asked to train; batch size and epochs are the defaults."""

    name: str
    optimizer: Optimizer
    initial: Literal["zeros", "glorot"]
    shows: str
    batch_size: int = 32
    epochs: int = 5


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("sgd", SGD(0.05), "zeros", "every framework, the same mathematics"),
        Workload(
            "textbook", RMSprop(0.001, 0.9, 1e-7), "glorot", "the same, as the textbook trains"
        ),
    )
}


def initial_params(workload: Workload, features: int, classes: int, seed: int) -> Params:
    """Weights before the first step: zeros, or Glorot uniform from the seed; the bias is zero.

    Glorot uniform: ``U(-limit, limit)`` with ``limit = sqrt(6 / (features + classes))``, the
    default of Keras's Dense layer (Glorot and Bengio 2010, equation 16).
    """
    bias = np.zeros(classes, dtype=np.float32)
    if workload.initial == "zeros":
        return Params(np.zeros((features, classes), dtype=np.float32), bias)
    limit = np.sqrt(6 / (features + classes))
    uniform = np.random.default_rng(seed).uniform(-limit, limit, (features, classes))
    return Params(uniform.astype(np.float32), bias)


def order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    """Return the permutation in which an epoch takes the samples: int64 (samples,).

    The same seed gives the same orders in every trial and round; no two epochs share one.
    """
    return np.random.default_rng([seed, epoch]).permutation(samples)
