"""Softmax regression in PyTorch, each step compiled as one graph.

Follows https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html: the gradient
comes from torch.func, so that forward, backward and update compile together.
"""

import os
import shutil
import sys
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 - the name that PyTorch's own pages use

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable

Tensors = tuple[torch.Tensor, torch.Tensor]


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find(device)
        self.images = torch.from_numpy(problem.images).to(self.device)
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        shapes = ((problem.features, problem.classes), (problem.classes,))
        self.params = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        self.squares = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        self.step = torch.compile(make_step(problem.optimizer), fullgraph=True, dynamic=False)
        # The first call compiles; reset() puts right what it does to the parameters.
        batch = torch.arange(problem.batch_size, device=self.device)
        self.step(self.params, self.squares, self.images, self.labels, batch)

    @torch.no_grad()
    def reset(self, params: Params) -> None:
        for ours, theirs in zip(self.params, params, strict=True):
            ours.copy_(torch.from_numpy(theirs))
        for square in self.squares:
            square.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in torch.from_numpy(order).to(self.device).split(self.problem.batch_size):
            self.step(self.params, self.squares, self.images, self.labels, batch)
        return Params(*(np.array(part.cpu().numpy()) for part in self.params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        logits = forward(self.params, torch.from_numpy(images).to(self.device))
        return logits.argmax(dim=1).cpu().numpy()


def forward(params: Tensors, images: torch.Tensor) -> torch.Tensor:
    """Logits of the images."""
    weight, bias = params
    return images @ weight + bias


def loss(params: Tensors, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of a batch."""
    return F.cross_entropy(forward(params, images), labels)


def make_step(optimizer: Optimizer) -> Callable[..., None]:
    """One update in place, by the samples of a batch."""

    def step(
        params: Tensors,
        squares: Tensors,
        images: torch.Tensor,
        labels: torch.Tensor,
        batch: torch.Tensor,
    ) -> None:
        gradient = torch.func.grad(loss)(params, images[batch], labels[batch])
        for w, g, v in zip(params, gradient, squares, strict=True):
            if isinstance(optimizer, SGD):
                w.sub_(optimizer.learning_rate * g)
            else:
                v.copy_(optimizer.rho * v + (1 - optimizer.rho) * g * g)
                w.sub_(optimizer.learning_rate * g / torch.sqrt(v + optimizer.epsilon))

    return step


def find(device: Device) -> torch.device:
    """The CPU, or the accelerator that this build of PyTorch was made for."""
    if device == "cpu":
        # The compiler that torch.compile itself looks for.
        compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
        if shutil.which(compiler) is None:
            raise Unavailable(f"torch.compile needs a C++ compiler on the CPU: no {compiler}")
        return torch.device("cpu")
    if not torch.accelerator.is_available():
        raise Unavailable("PyTorch finds no accelerator (CUDA, ROCm, MPS or XPU)")
    return torch.accelerator.current_accelerator()
