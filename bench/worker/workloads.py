"""The fixed experiments: optimizer, epochs, initial weights, and the orders of the samples."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Optimizer, Params, RMSprop

# Epoch 0 is the first epoch of a process, whose time includes compilation; the timed ones start
# again from the initial weights at epoch 1. Each has an order of its own.
FIRST_EPOCH = 0
# The untimed epochs that warm a GPU up are numbered from here.
WARM_UP = 1001


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


def draw_initial_params(workload: Workload, features: int, classes: int, seed: int) -> Params:
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


class Segment(NamedTuple):
    """What follows one reset: from which weights, and which epochs, by the number of their order.

    start: "initial" is the workload's own weights, "other" is Glorot uniform from another seed.
    """

    start: Literal["initial", "other"]
    epochs: tuple[int, ...]


# A trial is judged on its first epoch and on the first five that are timed: longer runs are not
# compared, because rounding grows with the epochs, and five show a fault.
TRIAL = (Segment("initial", (FIRST_EPOCH,)), Segment("initial", (1, 2, 3, 4, 5)))
# ``bench check`` goes on, from other weights and over an order that was there before, so that
# neither what a reset leaves behind nor what is remembered by the order stays unseen.
EXAMINATION = (*TRIAL, Segment("other", (1,)))


def draw_start_params(
    stretch: Segment, workload: Workload, features: int, classes: int, seed: int
) -> Params:
    """Return the weights that a stretch begins with."""
    if stretch.start == "initial":
        return draw_initial_params(workload, features, classes, seed)
    return draw_initial_params(WORKLOADS["textbook"], features, classes, seed + 1)


def draw_order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    """Return the permutation in which an epoch takes the samples: int64 (samples,).

    The same seed gives the same orders in every trial and round; no two epochs share one.
    """
    return np.random.default_rng([seed, epoch]).permutation(samples)
