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


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((pack(problem.images), problem.labels), self.device)
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
    """Store pixels as bytes if these, divided by 255, are the images.

    Four bytes are a word, because rows are gathered word by word.
    """
    pixels = (images * 255 + 0.5).astype(np.uint8)
    if images.shape[1] % 4 or not np.array_equal(pixels / np.float32(255), images):
        return images
    return pixels.view(np.uint32)


def unpack(rows: jax.Array) -> tuple[jax.Array, float]:
    """Return float32 pixels of rows, and the scale that makes images of them."""
    if rows.dtype == jnp.float32:
        return rows, 1.0
    pixels = jax.lax.bitcast_convert_type(rows, jnp.uint8).reshape(len(rows), -1)
    return pixels.astype(jnp.float32), 1 / 255


def epoch(
    optimizer: Optimizer, state: State, data: tuple[jax.Array, jax.Array], batches: jax.Array
) -> State:
    """Return the state after one update per row of ``batches``."""
    images, labels = data

    def body(state: State, batch: tuple[jax.Array, jax.Array]) -> tuple[State, None]:
        rows, targets = batch
        return step(optimizer, state, *unpack(images[rows]), targets), None

    state, _ = jax.lax.scan(body, state, (batches, labels[batches]))
    return state


def step(
    optimizer: Optimizer, state: State, images: jax.Array, scale: float, labels: jax.Array
) -> State:
    """Return the state after one update on a batch."""
    params, squares = state
    gradient = jax.grad(loss)(params, images, scale, labels)
    if isinstance(optimizer, SGD):
        return jax.tree.map(lambda w, g: w - optimizer.learning_rate * g, params, gradient), squares
    rate, rho, epsilon = optimizer.learning_rate, optimizer.rho, optimizer.epsilon
    squares = jax.tree.map(lambda v, g: rho * v + (1 - rho) * g * g, squares, gradient)
    params = jax.tree.map(
        lambda w, g, v: w - rate * g / jnp.sqrt(v + epsilon), params, gradient, squares
    )
    return params, squares


def loss(params: Params, images: jax.Array, scale: float, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a batch."""
    logits = forward(params, images, scale)
    # Use where() because the gradient of indexing is a scatter, which is sequential.
    chosen = jnp.where(labels == jnp.arange(len(logits))[:, None], logits, 0).sum(axis=0)
    return (jax.nn.logsumexp(logits, axis=0) - chosen).mean()


def forward(params: Params, images: jax.Array, scale: float = 1.0) -> jax.Array:
    """Return the logits (classes, samples) of the images."""
    return scale * (params.weight @ images.T) + params.bias[:, None]


def label(params: Params, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return forward(params, images).argmax(axis=0)
