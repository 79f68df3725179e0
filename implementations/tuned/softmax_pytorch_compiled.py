"""Softmax regression in PyTorch, several steps compiled as one graph.

Follows https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html and, for the C++
that calls the kernels, https://docs.pytorch.org/tutorials/unstable/inductor_cpp_wrapper_tutorial.html.
On CUDA the kernels of many steps are recorded once and replayed with other samples.
The gradient comes from torch.func, so that forward, backward and update compile together. The
weight is kept with a row for each class: both products then run along the pixels.
"""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable
from implementations._devices.torch import CAPTURED, capture, find

MOST = 10  # steps that are compiled at once: set-up grows with them, what a call costs shrinks
REPLAYED = 100  # steps that are replayed at once, at most: a replay costs about as much as a kernel

Tensors = tuple[torch.Tensor, torch.Tensor]


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find(device)
        if device == "cpu":
            needs_compiler()
        self.images = pack(torch.from_numpy(problem.images).to(self.device))
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        shapes = ((problem.classes, problem.features), (problem.classes,))
        self.params = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        self.squares = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        # Where the kernels are C++, so are the calls of them; where not, Triton launches them.
        options = {"cpp_wrapper": self.device.type == "cpu"}
        self.steps = torch.compile(
            make_steps(problem.optimizer), fullgraph=True, dynamic=False, options=options
        )
        self.together = max(n for n in range(1, MOST + 1) if problem.steps % n == 0)
        # The first call compiles; reset() puts right what it does to the parameters.
        self.run(torch.arange(self.together * problem.batch_size, device=self.device))
        self.train: Callable[[torch.Tensor], None] = self.run
        if self.device.type in CAPTURED:
            sizes = range(self.together, REPLAYED + 1, self.together)
            several = max(n for n in sizes if problem.steps % n == 0)
            self.train = replayed(self.run, several * problem.batch_size, self.device)

    @torch.no_grad()
    def reset(self, params: Params) -> None:
        for ours, theirs in zip(self.params, params, strict=True):
            ours.copy_(torch.from_numpy(theirs.T))
        for square in self.squares:
            square.zero_()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.train(torch.from_numpy(order).to(self.device))
        return Params(*(np.array(part.cpu().numpy().T, order="C") for part in self.params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        logits = forward(self.params, torch.from_numpy(images).to(self.device))
        return logits.argmax(dim=0).cpu().numpy()

    def run(self, order: torch.Tensor) -> None:
        # Each batch a tensor of its own: the kernels of all steps are then the same few.
        batches = order.split(self.problem.batch_size)
        for first in range(0, len(batches), self.together):
            some = batches[first : first + self.together]
            self.steps(self.params, self.squares, self.images, self.labels, some)


def pack(images: torch.Tensor) -> torch.Tensor:
    """The images as bytes where these give back every float32 exactly, else as they are.

    On the CPU only: there a compiled division is rounded as any other, on a GPU it is not.
    """
    if images.device.type != "cpu":
        return images
    pixels = (images * 255 + 0.5).to(torch.uint8)
    return pixels if torch.equal(unpack(pixels), images) else images


def unpack(rows: torch.Tensor) -> torch.Tensor:
    """The images, float32, of rows that may be bytes."""
    return rows / 255 if rows.dtype == torch.uint8 else rows


def forward(params: Tensors, images: torch.Tensor) -> torch.Tensor:
    """Logits (classes, samples) of the images."""
    weight, bias = params
    return weight @ images.T + bias[:, None]


def loss(params: Tensors, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of a batch."""
    logits = forward(params, images)
    # Where, not an index: the gradient of an index is a scatter, a kernel of its own.
    classes = torch.arange(len(logits), device=labels.device)[:, None]
    chosen = torch.where(labels == classes, logits, 0).sum(dim=0)
    return (torch.logsumexp(logits, dim=0) - chosen).mean()


def make_steps(optimizer: Optimizer) -> Callable[..., None]:
    """One update in place for each of some batches."""

    def steps(
        params: Tensors,
        squares: Tensors,
        images: torch.Tensor,
        labels: torch.Tensor,
        batches: tuple[torch.Tensor, ...],
    ) -> None:
        for batch in batches:
            gradient = torch.func.grad(loss)(params, unpack(images[batch]), labels[batch])
            for w, g, v in zip(params, gradient, squares, strict=True):
                if isinstance(optimizer, SGD):
                    w.sub_(optimizer.learning_rate * g)
                else:
                    v.copy_(optimizer.rho * v + (1 - optimizer.rho) * g * g)
                    w.sub_(optimizer.learning_rate * g / torch.sqrt(v + optimizer.epsilon))

    return steps


def replayed(
    run: Callable[[torch.Tensor], None], samples: int, device: torch.device
) -> Callable[[torch.Tensor], None]:
    """``run``, recorded over so many samples, replayed over an order that is a multiple of them."""
    some = torch.arange(samples, device=device)  # where the recorded kernels look
    replay = capture(partial(run, some))

    def train(order: torch.Tensor) -> None:
        for part in order.split(samples):
            some.copy_(part)
            replay()

    return train


def needs_compiler() -> None:
    """Raise Unavailable where the compiler is missing that torch.compile itself looks for."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise Unavailable(f"torch.compile needs a C++ compiler on the CPU: no {compiler}")
