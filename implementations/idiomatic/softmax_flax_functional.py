"""Softmax regression in Flax NNX, with the functional training loop of its performance guide.

Follows https://flax.readthedocs.io/en/latest/guides/performance.html#functional-training-loop. The
guide calls ``nnx.jit`` slow for small models, because it walks through the model in every call.
Here the model is split into arrays before the loop, and put together while ``jax.jit`` traces the
step. All else is softmax_flax.py.
"""

from typing import Any

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

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        graph, state = nnx.split((self.model, self.optimizer))
        for batch in batches:
            state = step(graph, state, self.data, batch)
        nnx.update((self.model, self.optimizer), state)
        return Params(
            np.array(self.model.kernel[...], copy=True), np.array(self.model.bias[...], copy=True)
        )

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.array(label(self.model, jax.device_put(images, self.device)), np.int64)


@jax.jit
def step(
    graph: nnx.GraphDef[Any],
    state: nnx.State,
    data: tuple[jax.Array, jax.Array],
    batch: jax.Array,
) -> nnx.State:
    """Return the state of model and optimizer after an update on the samples of ``batch``."""
    model, optimizer = nnx.merge(graph, state)
    images, labels = data
    gradient = nnx.grad(loss)(model, images[batch], labels[batch])
    optimizer.update(model, gradient)
    return nnx.state((model, optimizer))


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
