"""The fixed experiments: optimizer, epochs and initial weights."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Optimizer, Problem, RMSprop

# The learning rates of several models lie between these, in equal ratios. At smaller rates the
# rounding of a weight would be too large a part of its way, and at larger ones noise diverges.
LEAST_RATE, LARGEST_RATE = 0.005, 0.05
# What ``--workload many`` stands for.
MANY_WORKLOADS = ("many-1", "many-10", "many-100")


@dataclass(frozen=True, slots=True)
class Workload:
    """What every implementation is asked to train; batch size, epochs and samples are defaults."""

    name: str
    optimizer: Optimizer
    initial: Literal["zeros", "glorot", "small"]  # zero, Glorot uniform, or a tenth of that
    batch_size: int = 32
    epochs: int = 5
    models: int = 0  # number of those that are trained together; 0 for one by itself
    samples: int | None = None  # None for all
    is_scored: bool = True  # has the accuracies after each of its epochs in a row
    predicts: bool = True  # labels images after its epochs
    keeps_params: bool = True  # the params of its epochs are stored

    @property
    def rates(self) -> NDArray[np.float32] | None:
        """The learning rate of each of several models, or None for one model."""
        if not self.models:
            return None
        return np.geomspace(LEAST_RATE, LARGEST_RATE, self.models, dtype=np.float32)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("sgd", SGD(0.05), "zeros"),
        Workload("textbook", RMSprop(0.001, 0.9, 1e-7), "glorot"),
    )
}
# What every trial ends with, on noise.
NOISE_WORKLOAD = WORKLOADS["sgd"]
# The batches of noise are those of the case between these: in smaller ones it diverges, and in
# larger ones the rounding of an honest gradient, which nearly cancels, exceeds half the tolerance.
# Of several models they are NOISE_WORKLOAD's: the slowest moves least.
NOISE_BATCH_SIZES = 8, 1920


def count_models(workload: str) -> int:
    """Return how many models a workload trains together: N of ``many-N``, and 0 of any other."""
    match = re.fullmatch(r"many-([1-9][0-9]{0,5})", workload)
    return int(match[1]) if match else 0


def choose_noise_batch(problem: Problem) -> int:
    """Return the batch size in which the noise of a problem is trained."""
    least, most = NOISE_BATCH_SIZES
    size = NOISE_WORKLOAD.batch_size if problem.models is not None else problem.batch_size
    return min(max(least, min(size, most)), problem.samples)


def is_workload(name: str) -> bool:
    """Return whether there is a workload of a name."""
    return name in WORKLOADS or count_models(name) > 0


def get_workload(name: str) -> Workload:
    """Return a workload by its name. Raises KeyError."""
    if models := count_models(name):
        return Workload(
            name,
            SGD(LARGEST_RATE),
            "small",
            models=models,
            samples=9600,
            is_scored=False,
            predicts=False,
            keeps_params=False,  # they would fill gigabytes
        )
    return WORKLOADS[name]
