"""Softmax regression of several models in JAX, with one jitted step per batch for all of them.

Follows https://docs.jax.dev/en/latest/automatic-vectorization.html: vmap turns the step of one
model into that of all. The step itself is that of ../../idiomatic/softmax_jax.py.
"""

import jax
import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable
from implementations._devices.jax import find_device
from implementations.idiomatic.softmax_jax import loss


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((problem.images, problem.labels), self.device)
        self.rates = jax.device_put(problem.models, self.device)
        # Donating the params lets each step overwrite the old ones.
        self.step = jax.jit(step, donate_argnums=0)

    def reset(self, params: Params) -> None:
        # Copies, because a CPU device may borrow NumPy's memory, and the step overwrites it.
        self.params = jax.device_put(Params(*map(np.copy, params)), self.device)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        for batch in batches:
            self.params = self.step(self.params, self.rates, self.data, batch)
        return Params(*(np.array(part, copy=True) for part in self.params))


def step(
    params: Params, rates: jax.Array, data: tuple[jax.Array, jax.Array], batch: jax.Array
) -> Params:
    """Return all models after one update on the samples of ``batch``."""
    images, labels = data
    # Each model has its params and rate; the batch is the same for all.
    update_all = jax.vmap(update, in_axes=(0, 0, None, None))
    return update_all(params, rates, images[batch], labels[batch])


def update(params: Params, rate: jax.Array, images: jax.Array, labels: jax.Array) -> Params:
    """Return one model after an update on a batch."""
    gradient = jax.grad(loss)(params, images, labels)
    return jax.tree.map(lambda w, g: w - rate * g, params, gradient)
