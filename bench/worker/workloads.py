"""The fixed experiments: optimizer, epochs and initial weights."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Optimizer, RMSprop

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


def count_models(workload: str) -> int:
    """Return how many models a workload trains together: N of ``many-N``, and 0 of any other."""
    match = re.fullmatch(r"many-([1-9][0-9]{0,5})", workload)
    return int(match[1]) if match else 0


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
