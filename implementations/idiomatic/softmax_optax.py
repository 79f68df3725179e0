"""Softmax regression in JAX with an optimizer of Optax, one jitted step per batch.

Follows https://optax.readthedocs.io/en/latest/getting_started.html. All but the optimizer is
softmax_jax.py.
"""

from functools import partial

import jax
import numpy as np
import optax
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.jax import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((problem.images, problem.labels), self.device)
        self.optimizer = make_optimizer(problem.optimizer)
        # Donating the state lets each step overwrite the old params.
        self.step = jax.jit(partial(step, self.optimizer), donate_argnums=0)
        self.label = jax.jit(label)

    def reset(self, params: Params) -> None:
        # No alias, because a CPU device may borrow NumPy's memory, and the step overwrites it.
        state = (params, self.optimizer.init(params))
        self.state = jax.device_put(state, self.device, may_alias=False)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        for batch in batches:
            self.state = self.step(self.state, self.data, batch)
        params, _ = self.state
        return Params(*(np.array(part, copy=True) for part in params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        params, _ = self.state
        return np.array(self.label(params, jax.device_put(images, self.device)), np.int64)


State = tuple[Params, optax.OptState]


def step(
    optimizer: optax.GradientTransformation,
    state: State,
    data: tuple[jax.Array, jax.Array],
    batch: jax.Array,
) -> State:
    """Return the state after one update on the samples of ``batch``."""
    images, labels = data
    params, optimizer_state = state
    gradient = jax.grad(loss)(params, images[batch], labels[batch])
    updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
    return optax.apply_updates(params, updates), optimizer_state


def loss(params: Params, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a batch."""
    logits = forward(params, images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def forward(params: Params, images: jax.Array) -> jax.Array:
    """Return the logits (samples, classes) of the images."""
    return images @ params.weight + params.bias


def label(params: Params, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return forward(params, images).argmax(axis=1)


def make_optimizer(optimizer: Optimizer) -> optax.GradientTransformation:
    """Return the optimizer of the problem. Optax's RMSprop has epsilon inside the root, too."""
    if isinstance(optimizer, SGD):
        return optax.sgd(optimizer.learning_rate)
    return optax.rmsprop(optimizer.learning_rate, decay=optimizer.rho, eps=optimizer.epsilon)
