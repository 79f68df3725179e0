"""Softmax regression in JAX, with an epoch as one compiled scan over the batches.

Follows https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html: the loop runs on the device,
and Python is called once per epoch. The weight has a row for each class: both products then run
along the pixels, which are contiguous in memory.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.jax import find_device

# 1 / 255 as the sum of two float32: XLA replaces the division by a product, which rounds twice.
HIGH = np.float32(1 / 255)
LOW = np.float32(1 / 255 - float(HIGH))


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        images, labels = jax.device_put((problem.images, problem.labels), self.device)
        packed = jax.device_put(pack(problem.images), self.device)
        self.data = (packed if jax.jit(restores)(packed, images) else images, labels)
        # Donating the state lets each epoch overwrite the old params.
        self.epoch = jax.jit(partial(epoch, problem.optimizer), donate_argnums=0)
        self.label = jax.jit(label)

    def reset(self, params: Params) -> None:
        # Copies, because a CPU device may borrow NumPy's memory, and the epoch overwrites it.
        params = Params(params.weight.T.copy(), params.bias.copy())
        state = (params, Params(*map(np.zeros_like, params)))
        self.state = jax.device_put(state, self.device)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        self.state = self.epoch(self.state, self.data, batches)
        params, _ = self.state
        return Params(np.array(params.weight).T.copy(), np.array(params.bias, copy=True))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        params, _ = self.state
        return np.array(self.label(params, jax.device_put(images, self.device)), np.int64)


State = tuple[Params, Params]  # the params, and the mean squares of their gradients


def pack(images: NDArray[np.float32]) -> NDArray[np.uint32 | np.float32]:
    """Store pixels as bytes, four in a word because rows are gathered word by word."""
    if images.shape[1] % 4:
        return images
    return (images * 255 + 0.5).astype(np.uint8).view(np.uint32)


def unpack(rows: jax.Array) -> jax.Array:
    """Return float32 images of rows, which may be packed."""
    if rows.dtype == jnp.float32:
        return rows
    pixels = jax.lax.bitcast_convert_type(rows, jnp.uint8).reshape(len(rows), -1)
    return pixels.astype(jnp.float32) * HIGH + pixels.astype(jnp.float32) * LOW


def restores(packed: jax.Array, images: jax.Array) -> jax.Array:
    """Return whether unpacking restores every float32 exactly."""
    return (unpack(packed) == images).all()


def epoch(
    optimizer: Optimizer, state: State, data: tuple[jax.Array, jax.Array], batches: jax.Array
) -> State:
    """Return the state after one update per row of ``batches``."""

    def body(state: State, batch: jax.Array) -> tuple[State, None]:
        return step(optimizer, state, data, batch), None

    state, _ = jax.lax.scan(body, state, batches)
    return state


def step(
    optimizer: Optimizer, state: State, data: tuple[jax.Array, jax.Array], batch: jax.Array
) -> State:
    """Return the state after one update on the samples of ``batch``."""
    images, labels = data
    params, squares = state
    gradient = jax.grad(loss)(params, unpack(images[batch]), labels[batch])
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
    logits = forward(params, images)
    # Use where() because the gradient of indexing is a scatter, which is sequential.
    chosen = jnp.where(labels == jnp.arange(len(logits))[:, None], logits, 0).sum(axis=0)
    return (jax.nn.logsumexp(logits, axis=0) - chosen).mean()


def forward(params: Params, images: jax.Array) -> jax.Array:
    """Return the logits (classes, samples) of the images."""
    return params.weight @ images.T + params.bias[:, None]


def label(params: Params, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return forward(params, images).argmax(axis=0)
