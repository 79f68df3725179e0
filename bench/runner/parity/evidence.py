"""What a worker returned, in the parent's own memory: all that a trial is judged by."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params

Part = Literal["test", "training"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Labels (n,) int64 that were predicted for the images of a part with these indices (n,).

    params: float32 (features + 1, classes), those that the worker had. when: in words.
    """

    when: str
    params: NDArray[np.float32]
    part: Part
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a worker was given and what it returned.

    initial: the params that training began with. params: float32 (features + 1, classes) after each
    epoch, by its number; the bias is the last row. predictions: in the order made.
    """

    initial: Params
    params: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    predictions: list[Prediction] = field(default_factory=list)


def split_params(params: NDArray[np.float32]) -> Params:
    """Return weight and bias of (features + 1, classes)."""
    return Params(params[:-1], params[-1])


def join_params(params: Params) -> NDArray[np.float32]:
    """Return (features + 1, classes), the bias as the last row."""
    return np.vstack([params.weight, params.bias])
