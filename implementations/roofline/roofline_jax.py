"""Probe the machine with JAX: matrix products, sums over the data, chains of steps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.contract import GROWTH, Device
from implementations._devices.jax import find_device


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find_device(device)
        self.matrix = jax.device_put(matrix, self.device)
        self.numbers = jax.device_put(np.ones(10, np.float32), self.device)

    def multiply(self, times: int) -> NDArray[np.float32]:
        for _ in range(times):
            product = multiply(self.matrix)
        # Slice outside of the compiled function, or XLA would compute a few rows.
        return np.array(product[:8, :8])

    def place(self, images: NDArray[np.float32]) -> None:
        self.images = jax.device_put(images, self.device)

    def read(self, times: int) -> float:
        for _ in range(times):
            result = read(self.images)
        return float(result)

    def steps(self, count: int) -> float:
        return float(steps(self.numbers, count)[0])


@jax.jit
def multiply(matrix: jax.Array) -> jax.Array:
    """Return the matrix times itself."""
    return matrix @ matrix


@jax.jit
def read(images: jax.Array) -> jax.Array:
    """Return the sum of all pixels."""
    return jnp.sum(images)


@partial(jax.jit, static_argnums=1)
def steps(numbers: jax.Array, count: int) -> jax.Array:
    """Return the numbers after ``count`` updates. The barrier prevents XLA from merging them.

    The count is static, as in a scan. Otherwise a GPU would ask the host before each iteration.
    """
    return jax.lax.fori_loop(
        0, count, lambda _, last: jax.lax.optimization_barrier(last * GROWTH), numbers
    )
