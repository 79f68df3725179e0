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
    """What every implementation is asked to train; batch size, epochs and samples are defaults.

    initial: zero, Glorot uniform, or a tenth of that. models: number of those that are trained
    together; 0 for one by itself. samples: None for all.
    """

    name: str
    optimizer: Optimizer
    initial: Literal["zeros", "glorot", "small"]
    batch_size: int = 32
    epochs: int = 5
    models: int = 0
    samples: int | None = None

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
        return Workload(name, SGD(LARGEST_RATE), "small", models=models, samples=9600)
    return WORKLOADS[name]
