"""Softmax regression in JAX, with the step of softmax_jax.py in a scan over the batches.

Follows https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html. The step is the same; the
loop runs in compiled code, so that Python is called once per epoch.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.jax import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((problem.images, problem.labels), self.device)
        # Donating the state lets each epoch overwrite the old params.
        self.epoch = jax.jit(partial(epoch, problem.optimizer), donate_argnums=0)
        self.label = jax.jit(label)

    def reset(self, params: Params) -> None:
        # Copies, because a CPU device may borrow NumPy's memory, and the epoch overwrites it.
        state = (Params(*map(np.copy, params)), Params(*map(np.zeros_like, params)))
        self.state = jax.device_put(state, self.device)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        self.state = self.epoch(self.state, self.data, batches)
        params, _ = self.state
        return Params(*(np.array(part, copy=True) for part in params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        params, _ = self.state
        return np.array(self.label(params, jax.device_put(images, self.device)), np.int64)


State = tuple[Params, Params]  # the params, and the mean squares of their gradients


def epoch(
    optimizer: Optimizer, state: State, data: tuple[jax.Array, jax.Array], batches: jax.Array
) -> State:
    """Return the state after one update per row of ``batches``."""
    state, _ = jax.lax.scan(
        lambda state, batch: (step(optimizer, state, data, batch), None), state, batches
    )
    return state


def step(
    optimizer: Optimizer, state: State, data: tuple[jax.Array, jax.Array], batch: jax.Array
) -> State:
    """Return the state after one update on the samples of ``batch``."""
    images, labels = data
    params, squares = state
    gradient = jax.grad(loss)(params, images[batch], labels[batch])
    if isinstance(optimizer, SGD):
        return jax.tree.map(lambda w, g: w - optimizer.learning_rate * g, params, gradient), squares
    rate, rho, epsilon = optimizer.learning_rate, optimizer.rho, optimizer.epsilon
    squares = jax.tree.map(lambda v, g: rho * v + (1 - rho) * g * g, squares, gradient)
    params = jax.tree.map(
        lambda w, g, v: w - rate * g / jnp.sqrt(v + epsilon), params, gradient, squares
    )
    return params, squares


def loss(params: Params, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a batch."""
    log_probabilities = jax.nn.log_softmax(forward(params, images))
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


def forward(params: Params, images: jax.Array) -> jax.Array:
    """Return the logits (samples, classes) of the images."""
    return images @ params.weight + params.bias


def label(params: Params, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return forward(params, images).argmax(axis=1)
