"""What an implementation receives and what it returns.

An implementation is a module with one class, ``Trainer``, that satisfies the protocol below. It
imports this file and its framework, never a clock, and nothing else of the suite::

    class Trainer:
        def __init__(self, problem: Problem, device: Device) -> None: ...
        def reset(self, params: Params) -> None: ...
        def train_epoch(self, order: NDArray[np.int64]) -> Params: ...
        def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]: ...

The suite owns the initial weights and the orders of the samples, so that every implementation
starts from the same numbers and sees the same batches.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Device = Literal["cpu", "gpu"]
Objective = Literal["softmax", "one-vs-rest"]


class Unavailable(Exception):  # noqa: N818 - a row of the table with its reason, not an error
    """This machine or this framework cannot do what was asked; the message says why.

    Raised from ``Trainer.__init__`` (no such device, no compiler, an optimizer that the estimator
    lacks). Never fall back to another device or to other mathematics instead.
    """


@dataclass(frozen=True, slots=True)
class SGD:
    """Plain stochastic gradient descent: ``w -= learning_rate * g``.

    ``g`` is the gradient of the batch's mean loss.
    """

    learning_rate: float


@dataclass(frozen=True, slots=True)
class RMSprop:
    """RMSprop as Keras defines it, without momentum and not centred.

    ``v = rho * v + (1 - rho) * g * g`` from ``v = 0``, then
    ``w -= learning_rate * g / sqrt(v + epsilon)``. Epsilon stands inside the root; PyTorch's
    optimizer of the same name has it outside, which is other mathematics.
    Source: https://keras.io/api/optimizers/rmsprop/ and the optimizer's ``update_step``.
    """

    learning_rate: float
    rho: float
    epsilon: float


Optimizer = SGD | RMSprop


class Params(NamedTuple):
    """Weight (features, classes) and bias (classes,), float32, on the host.

    Of several models: weight (models, features, classes) and bias (models, classes).

    What ``train_epoch`` returns must be a fresh copy (``np.array(..., copy=True)``): a view of a
    device buffer or of live weights would change after the fact. Because the copy depends on every
    step of the epoch, the device has finished when it is there, and the clock may stop.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Problem:
    """One training problem: softmax regression of ``labels`` on ``images``.

    images: float32 (samples, features), in [0, 1]; not to be written to.
    labels: int32 (samples,), in [0, classes).
    batch_size: divides the samples, so that no batch is ragged and one shape is compiled.
    models: None for one model. Else float32 (models,), the learning rates of several models: they
        train together by SGD over the same batches, each at its rate in place of the optimizer's.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int32]
    classes: int
    batch_size: int
    optimizer: Optimizer
    models: NDArray[np.float32] | None = None

    @property
    def samples(self) -> int:
        """Images in one epoch."""
        return len(self.images)

    @property
    def features(self) -> int:
        """Pixels of one image."""
        return int(self.images.shape[1])

    @property
    def steps(self) -> int:
        """Updates in one epoch."""
        return self.samples // self.batch_size


class Trainer(Protocol):
    """The four calls that are timed. The loss is the mean cross-entropy over a batch."""

    def __init__(self, problem: Problem, device: Device) -> None:
        """Move the data, build, and compile what can be compiled; raise Unavailable if need be."""

    def reset(self, params: Params) -> None:
        """Take these weights (by copy) and a fresh optimizer state; compile nothing."""

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        """Train once over the samples in this order, ``batch_size`` at a time.

        order: int64 (samples,), a permutation, used in full and as given.
        Returns a fresh host copy of the parameters after the last step.
        """

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label each image (n, features) with ``argmax(images @ weight + bias)``, (n,) int64.

        It is not called, and need not be there, where a problem has several models.
        """


@dataclass(frozen=True, slots=True)
class Textbook:
    """What a program of the textbook computes from: the whole training set, in its own order.

    A program is a module with ``run(textbook: Textbook) -> dict[str, float]``; it returns the
    quantities that the textbook printed, by name.

    images: float32 (samples, features) in [0, 1]; labels: int32 (samples,);
    training, validation: int64 indices into both (the split of the workloads).
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int32]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]


# What a probe multiplies its numbers by in each step. The rounding of every product shows in the
# last one, so that nothing but one product after the other gives the right result.
GROWTH = 1 + 2.0**-12


class Probe(Protocol):
    """What a framework can do at all on a device, for the roofline; every result is on the host.

    Work that is repeated ``times`` times is queued at once, and only the last result is waited for.
    """

    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        """Put a square matrix on the device; raise Unavailable if need be."""

    def multiply(self, times: int) -> NDArray[np.float32]:
        """Multiply the matrix by itself in full float32; return the first 8 x 8 elements."""

    def place(self, images: NDArray[np.float32]) -> None:
        """Put the images (samples, features) on the device, in place of others."""

    def read(self, times: int) -> float:
        """Read all images, as a sum or as a sum of squares, which are one for ones; return it."""

    def steps(self, count: int) -> float:
        """Set ten numbers on the device to 1, multiply them ``count`` times by GROWTH; return one.

        Each product in float32, from the last one.
        """
