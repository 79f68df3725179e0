"""Softmax regression in Flax NNX, with the cached step of its performance guide.

Follows https://flax.readthedocs.io/en/latest/guides/performance.html#caching-graph-node-traversals:
``nnx.cached_partial`` walks through the model once, and not in every call of the step. It is the
guide's simplest remedy. All else is softmax_flax.py.
"""

import jax
import numpy as np
import optax
from flax import nnx
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.jax import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((problem.images, problem.labels), self.device)
        self.rule = make_optimizer(problem.optimizer)
        with jax.default_device(self.device):
            self.model = nnx.Linear(problem.features, problem.classes, rngs=nnx.Rngs(0))

    def reset(self, params: Params) -> None:
        # No alias, because a CPU device may borrow NumPy's memory.
        weight, bias = jax.device_put(params, self.device, may_alias=False)
        self.model.kernel[...] = weight
        self.model.bias[...] = bias
        self.optimizer = nnx.Optimizer(self.model, self.rule, wrt=nnx.Param)
        self.step = nnx.cached_partial(step, self.model, self.optimizer)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        for batch in batches:
            self.step(self.data, batch)
        return Params(
            np.array(self.model.kernel[...], copy=True), np.array(self.model.bias[...], copy=True)
        )

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.array(label(self.model, jax.device_put(images, self.device)), np.int64)


@nnx.jit
def step(
    model: nnx.Linear,
    optimizer: nnx.Optimizer[nnx.Linear],
    data: tuple[jax.Array, jax.Array],
    batch: jax.Array,
) -> None:
    """Update the model on the samples of ``batch``."""
    images, labels = data
    gradient = nnx.grad(loss)(model, images[batch], labels[batch])
    optimizer.update(model, gradient)


def loss(model: nnx.Linear, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a batch."""
    logits = model(images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@nnx.jit
def label(model: nnx.Linear, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return model(images).argmax(axis=1)


def make_optimizer(optimizer: Optimizer) -> optax.GradientTransformation:
    """Return the optimizer of the problem. Optax's RMSprop has epsilon inside the root, too."""
    if isinstance(optimizer, SGD):
        return optax.sgd(optimizer.learning_rate)
    return optax.rmsprop(optimizer.learning_rate, decay=optimizer.rho, eps=optimizer.epsilon)
