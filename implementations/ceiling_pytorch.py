"""What PyTorch can do: products of matrices and sums over the data."""

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import Device, Unavailable


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find(device)
        self.matrix = torch.from_numpy(matrix).to(self.device)
        self.product = torch.empty_like(self.matrix)
        self.numbers = torch.zeros(10, device=self.device)

    def multiply(self) -> float:
        torch.mm(self.matrix, self.matrix, out=self.product)
        return float(self.product[0, 0])

    def place(self, images: NDArray[np.float32]) -> None:
        self.images = torch.from_numpy(images).to(self.device)

    def read(self) -> float:
        return float(self.images.sum())

    def steps(self, count: int) -> float:
        for _ in range(count):
            self.numbers.add_(1)
        return float(self.numbers[0])


def find(device: Device) -> torch.device:
    """The CPU, or the accelerator that this build of PyTorch was made for."""
    if device == "cpu":
        return torch.device("cpu")
    if not torch.accelerator.is_available():
        raise Unavailable("PyTorch finds no accelerator (CUDA, ROCm, MPS or XPU)")
    return torch.accelerator.current_accelerator()
