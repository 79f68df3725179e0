"""The fixed experiments: optimizer, epochs, initial weights, and the orders of the samples."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Optimizer, Params, RMSprop

# Epoch 0 is the first one of a process, whose time includes compilation. The timed epochs start
# from the initial weights again, at epoch 1. Every epoch has an order of its own.
FIRST_EPOCH = 0
# The untimed epochs that warm a GPU up have numbers from here on.
WARM_UP = 1001


@dataclass(frozen=True, slots=True)
class Workload:
    """What every implementation is asked to train; batch size and epochs are defaults."""

    name: str
    optimizer: Optimizer
    initial: Literal["zeros", "glorot"]
    batch_size: int = 32
    epochs: int = 5


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("sgd", SGD(0.05), "zeros"),
        Workload("textbook", RMSprop(0.001, 0.9, 1e-7), "glorot"),
    )
}


class Segment(NamedTuple):
    """One reset and the epochs that follow it, by the numbers of their orders.

    start: "initial" are the workload's own weights, "other" are Glorot uniform from another seed.
    """

    start: Literal["initial", "other"]
    epochs: tuple[int, ...]


# A trial is judged on its first epoch and on the first five timed ones. Later epochs are not
# compared: rounding errors grow with the epochs, and five show a fault.
TRIAL_SEGMENTS = (Segment("initial", (FIRST_EPOCH,)), Segment("initial", (1, 2, 3, 4, 5)))
# ``bench check`` adds other weights and an order that was used before, to see what an
# implementation keeps through a reset and what it remembers by the order.
CHECK_SEGMENTS = (*TRIAL_SEGMENTS, Segment("other", (1,)))


def draw_initial_params(workload: Workload, features: int, classes: int, seed: int) -> Params:
    """Return the weights before the first step: zeros, or Glorot uniform; the bias is zero.

    Glorot uniform: ``U(-limit, limit)`` with ``limit = sqrt(6 / (features + classes))``, the
    default of Keras's Dense layer (Glorot and Bengio 2010, equation 16).
    """
    bias = np.zeros(classes, dtype=np.float32)
    if workload.initial == "zeros":
        return Params(np.zeros((features, classes), dtype=np.float32), bias)
    limit = np.sqrt(6 / (features + classes))
    uniform = np.random.default_rng(seed).uniform(-limit, limit, (features, classes))
    return Params(uniform.astype(np.float32), bias)


def draw_start_params(
    segment: Segment, workload: Workload, features: int, classes: int, seed: int
) -> Params:
    """Return the weights that a segment starts with."""
    if segment.start == "initial":
        return draw_initial_params(workload, features, classes, seed)
    return draw_initial_params(WORKLOADS["textbook"], features, classes, seed + 1)


def draw_order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    """Return the permutation in which an epoch takes the samples: int64 (samples,).

    The same seed gives the same orders in every trial and round; no two epochs share one.
    """
    return np.random.default_rng([seed, epoch]).permutation(samples)
