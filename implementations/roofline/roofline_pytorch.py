"""Probe the machine with PyTorch: matrix products, sums over the data, chains of steps."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import GROWTH, Device
from implementations._devices.torch import CAPTURED, capture, find_device


class Probe:
    chains: dict[int, Callable[[], None]]  # by number of steps

    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find_device(device)
        self.matrix = torch.from_numpy(matrix).to(self.device)
        self.product = torch.empty_like(self.matrix)
        self.numbers = torch.ones(10, device=self.device)
        self.chains = {}

    def multiply(self, times: int) -> NDArray[np.float32]:
        for _ in range(times):
            torch.mm(self.matrix, self.matrix, out=self.product)
        return self.product[:8, :8].cpu().numpy().copy()

    def place(self, images: NDArray[np.float32]) -> None:
        self.images = torch.from_numpy(images).to(self.device)

    def read(self, times: int) -> float:
        for _ in range(times):
            result = self.images.sum()
        return float(result)

    def steps(self, count: int) -> float:
        if count not in self.chains:
            chain = partial(self.update, count)
            self.chains[count] = capture(chain) if self.device.type in CAPTURED else chain
        self.chains[count]()
        return float(self.numbers[0])

    def update(self, count: int) -> None:
        self.numbers.fill_(1)
        for _ in range(count):
            self.numbers.mul_(GROWTH)
