"""Softmax regression of several models in JAX, with an epoch as one compiled scan over the batches.

Follows https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html and, for the models,
https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html. Pixels stay bytes (uint8), and weights
have a row for each class, as in ../../tuned/softmax_jax_scan.py.
"""

import jax
import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable
from implementations._devices.jax import find_device
from implementations.tuned.softmax_jax_scan import loss, pack, unpack


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((pack(problem.images), problem.labels), self.device)
        self.rates = jax.device_put(problem.models, self.device)
        # Donating the params lets each epoch overwrite the old ones.
        self.epoch = jax.jit(epoch, donate_argnums=0)

    def reset(self, params: Params) -> None:
        # Copies, because a CPU device may borrow NumPy's memory, and the epoch overwrites it.
        params = Params(params.weight.transpose(0, 2, 1).copy(), params.bias.copy())
        self.params = jax.device_put(params, self.device)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        self.params = self.epoch(self.params, self.rates, self.data, batches)
        weight, bias = map(np.array, self.params)
        return Params(weight.transpose(0, 2, 1).copy(), bias.copy())


def epoch(
    params: Params, rates: jax.Array, data: tuple[jax.Array, jax.Array], batches: jax.Array
) -> Params:
    """Return all models after one update per row of ``batches``."""
    images, labels = data
    update_all = jax.vmap(update, in_axes=(0, 0, None, None, None))

    def body(params: Params, batch: tuple[jax.Array, jax.Array]) -> tuple[Params, None]:
        rows, targets = batch
        return update_all(params, rates, *unpack(images[rows]), targets), None

    params, _ = jax.lax.scan(body, params, (batches, labels[batches]))
    return params


def update(
    params: Params, rate: jax.Array, images: jax.Array, scale: float, labels: jax.Array
) -> Params:
    """Return one model after an update on a batch."""
    gradient = jax.grad(loss)(params, images, scale, labels)
    return jax.tree.map(lambda w, g: w - rate * g, params, gradient)
