"""What JAX can do: products of matrices and sums over the data."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench.contract import Device
from implementations._devices.jax import find


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find(device)
        self.matrix = jax.device_put(matrix, self.device)
        self.numbers = jax.device_put(np.zeros(10, np.float32), self.device)

    def multiply(self) -> float:
        # The element is taken outside of what is compiled, or only its row would be multiplied.
        return float(multiply(self.matrix)[0, 0])

    def place(self, images: NDArray[np.float32]) -> None:
        self.images = jax.device_put(images, self.device)

    def read(self) -> float:
        return float(read(self.images))

    def steps(self, count: int) -> float:
        self.numbers = steps(self.numbers, count)
        return float(self.numbers[0])


@jax.jit
def multiply(matrix: jax.Array) -> jax.Array:
    """The matrix times itself."""
    return matrix @ matrix


@jax.jit
def read(images: jax.Array) -> jax.Array:
    """The sum of all images."""
    return jnp.sum(images)


@partial(jax.jit, static_argnums=1)
def steps(numbers: jax.Array, count: int) -> jax.Array:
    """The numbers after so many updates; the barrier keeps the compiler from adding them up.

    The count is fixed, as it is in a scan: with another, a GPU asks the host before each turn.
    """
    return jax.lax.fori_loop(
        0, count, lambda _, last: jax.lax.optimization_barrier(last + 1), numbers
    )
