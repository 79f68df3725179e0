"""What PyTorch can do: products of matrices and sums over the data."""

from collections.abc import Callable
from functools import partial
from textwrap import shorten

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import Device, Unavailable

CAPTURED = ("cuda",)  # the devices whose work can be recorded once and replayed, AMD's included


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find(device)
        self.matrix = torch.from_numpy(matrix).to(self.device)
        self.product = torch.empty_like(self.matrix)
        self.numbers = torch.zeros(10, device=self.device)
        self.chains: dict[int, Callable[[], None]] = {}  # by their steps

    def multiply(self) -> float:
        torch.mm(self.matrix, self.matrix, out=self.product)
        return float(self.product[0, 0])

    def place(self, images: NDArray[np.float32]) -> None:
        self.images = torch.from_numpy(images).to(self.device)

    def read(self) -> float:
        return float(self.images.sum())

    def steps(self, count: int) -> float:
        if count not in self.chains:
            chain = partial(self.update, count)
            self.chains[count] = capture(chain) if self.device.type in CAPTURED else chain
        self.chains[count]()
        return float(self.numbers[0])

    def update(self, count: int) -> None:
        for _ in range(count):
            self.numbers.add_(1)


def capture(run: Callable[[], None]) -> Callable[[], None]:
    """Record all that ``run`` launches as a CUDA graph; return what launches it again, as one.

    As https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs has it: what happens the
    first time only (compiling, loading kernels, making handles) happens before, on a side stream.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    # On the stream of the warm-up, because AMD's library makes a handle for each.
    with torch.cuda.graph(graph, stream=stream):
        run()
    return graph.replay


def find(device: Device) -> torch.device:
    """The CPU, or the accelerator that this build of PyTorch was made for; a tensor shows it."""
    if device == "cpu":
        return torch.device("cpu")
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None:
        raise Unavailable(f"PyTorch {torch.__version__} is a build for the CPU alone")
    try:
        torch.ones(1, device=accelerator)
    except (AssertionError, RuntimeError) as error:
        if "out of memory" in str(error):  # there is one, and it is full
            raise
        said = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"PyTorch {torch.__version__} finds no GPU: {said}") from error
    return accelerator
