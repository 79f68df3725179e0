"""What a worker returned, in the parent's own memory: all that a trial is judged by."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import Params
from bench.runner.parity.draws import FIRST_EPOCH, Epoch

ImagePart = Literal["test", "training"]


@dataclass(frozen=True, slots=True)
class Labelling:
    """Labels (n,) int64 that were predicted for the averages of pairs of images of a part."""

    when: str  # in words
    params: NDArray[np.float32]  # float32 (features + 1, classes), those that the worker had
    part: ImagePart
    # int64 (2, n), of both images of each pair; the average of an image and itself is the image.
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a worker was given and what it returned.

    starts: the params that it was given before an epoch; an epoch of the stretch without any went
    on from the one before it. params: float32 (features + 1, classes) after each epoch; the bias is
    the last row. Of several models, their axis is the first. predictions: in the order made.
    """

    starts: dict[Epoch, Params] = field(default_factory=dict)
    params: dict[Epoch, NDArray[np.float32]] = field(default_factory=dict)
    predictions: list[Labelling] = field(default_factory=list)

    def get_start(self, epoch: Epoch) -> Params:
        """Return the params from which the training of an epoch began."""
        return self.starts.get(epoch) or self.starts[FIRST_EPOCH]

    def list_part(self, part: str) -> list[Epoch]:
        """Return the epochs of a part, in order."""
        return sorted(epoch for epoch in self.params if epoch.part == part)


def stack_params(evidence: Evidence) -> NDArray[np.float32]:
    """Return all params as (epochs, features + 1, classes): stretch, timed epochs, noise."""
    parts = [evidence.list_part(part) for part in ("stretch", "timed", "noise")]
    return np.stack([evidence.params[epoch] for part in parts for epoch in part])


def split_params(params: NDArray[np.float32]) -> Params:
    """Return weight and bias of (features + 1, classes), or of (models, features + 1, classes)."""
    return Params(params[..., :-1, :], params[..., -1, :])


def pick_model(params: Params, model: int) -> Params:
    """Return one of several models, by its number from 1 on; of one by itself (0), all."""
    return Params(*(part[model - 1] for part in params)) if model else params


def join_params(params: Params) -> NDArray[np.float32]:
    """Return (features + 1, classes), the bias as the last row; of several models, for each."""
    return np.concatenate([params.weight, params.bias[..., None, :]], axis=-2)
