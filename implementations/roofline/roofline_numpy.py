"""Probe the machine with NumPy: matrix products, sums over the data, chains of steps."""

import numpy as np
from numpy.typing import NDArray

from bench.contract import GROWTH, Device, Unavailable


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        if device != "cpu":
            raise Unavailable("NumPy computes on the CPU only")
        self.matrix, self.product = matrix, np.empty_like(matrix)
        self.numbers = np.zeros(10, np.float32)

    def multiply(self, times: int) -> NDArray[np.float32]:
        for _ in range(times):
            np.matmul(self.matrix, self.matrix, out=self.product)
        return self.product[:8, :8].copy()

    def place(self, images: NDArray[np.float32]) -> None:
        self.pixels = images.reshape(-1)

    def read(self, times: int) -> float:
        for _ in range(times):
            # A dot product, because BLAS uses all threads for it; a sum uses one.
            result = self.pixels @ self.pixels
        return float(result)

    def steps(self, count: int) -> float:
        self.numbers[:] = 1
        for _ in range(count):
            np.multiply(self.numbers, np.float32(GROWTH), out=self.numbers)
        return float(self.numbers[0])
