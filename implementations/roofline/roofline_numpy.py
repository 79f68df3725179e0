"""Probe the machine with NumPy: matrix products, sums over the data, chains of steps."""

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Unavailable


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        if device != "cpu":
            raise Unavailable("NumPy computes on the CPU only")
        self.matrix, self.product = matrix, np.empty_like(matrix)
        self.numbers = np.zeros(10, np.float32)

    def multiply(self) -> float:
        np.matmul(self.matrix, self.matrix, out=self.product)
        return float(self.product[0, 0])

    def place(self, images: NDArray[np.float32]) -> None:
        self.pixels = images.reshape(-1)

    def read(self) -> float:
        # A dot product, because BLAS uses all threads for it; a sum uses one.
        return float(self.pixels @ self.pixels)

    def steps(self, count: int) -> float:
        for _ in range(count):
            np.add(self.numbers, 1, out=self.numbers)
        return float(self.numbers[0])
