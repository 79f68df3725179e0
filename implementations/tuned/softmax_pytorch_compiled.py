"""Softmax regression in PyTorch, with several steps compiled as one graph.

Follows https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html and, for the C++
that calls the kernels, https://docs.pytorch.org/tutorials/unstable/inductor_cpp_wrapper_tutorial.html.
On CUDA the kernels of many steps are recorded once and replayed with other samples.
The gradient is written out: that of torch.func compiles to slower code. The weight has a row
for each class: both products then run along the pixels, which are contiguous in memory.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable
from implementations._devices.torch import CAPTURED, capture, find_device

MAX_COMPILED = 10  # steps in a graph: more take longer to compile, fewer need more calls
MAX_REPLAYED = 100  # steps in a CUDA graph: a replay costs about as much as a kernel

Tensors = tuple[torch.Tensor, torch.Tensor]


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        require_compiler(self.device)
        self.images = pack(torch.from_numpy(problem.images).to(self.device))
        self.labels = torch.from_numpy(problem.labels).to(self.device, torch.int64)
        shapes = ((problem.classes, problem.features), (problem.classes,))
        self.params = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        self.squares = tuple(torch.zeros(shape, device=self.device) for shape in shapes)
        # C++ kernels are called from C++. On a GPU, Triton launches its kernels itself.
        options = {"cpp_wrapper": self.device.type == "cpu"}
        self.steps = torch.compile(
            make_steps(problem.optimizer), fullgraph=True, dynamic=False, options=options
        )
        self.together = max(n for n in range(1, MAX_COMPILED + 1) if problem.steps % n == 0)
        # The first call compiles. It changes the params, which reset() restores.
        self.run(torch.arange(self.together * problem.batch_size, device=self.device))
        self.train: Callable[[torch.Tensor], None] = self.run
        if self.device.type in CAPTURED:
            sizes = range(self.together, MAX_REPLAYED + 1, self.together)
            several = max(n for n in sizes if problem.steps % n == 0)
            self.train = make_replay(self.run, several * problem.batch_size, self.device)

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
        # With a tensor for each batch, all steps share the same few kernels.
        batches = order.split(self.problem.batch_size)
        for first in range(0, len(batches), self.together):
            some = batches[first : first + self.together]
            self.steps(self.params, self.squares, self.images, self.labels, some)


def pack(images: torch.Tensor) -> torch.Tensor:
    """Store pixels as bytes if these, divided by 255, are the images, and on the CPU only."""
    if images.device.type != "cpu":
        return images
    pixels = (images * 255 + 0.5).to(torch.uint8)
    return pixels if torch.equal(pixels / 255, images) else images


def unpack(rows: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return float32 pixels of rows, and the scale that makes images of them."""
    return rows.to(torch.float32), 1 / 255 if rows.dtype == torch.uint8 else 1.0


def forward(params: Tensors, images: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """Return the logits (classes, samples) of the images."""
    weight, bias = params
    return scale * (weight @ images.T) + bias[:, None]


def compute_gradient(
    params: Tensors, images: torch.Tensor, scale: float, labels: torch.Tensor
) -> Tensors:
    """Return the gradient of the mean cross-entropy of a batch."""
    logits = forward(params, images, scale)
    # Compare, because an index would be a scatter, a kernel of its own.
    targets = labels == torch.arange(len(logits), device=labels.device)[:, None]
    residual = (torch.softmax(logits, dim=0) - targets.to(torch.float32)) / len(labels)
    return (scale * residual) @ images, residual.sum(dim=1)


def make_steps(optimizer: Optimizer) -> Callable[..., None]:
    """Return a function that updates the params in place, once per batch."""

    def steps(
        params: Tensors,
        squares: Tensors,
        images: torch.Tensor,
        labels: torch.Tensor,
        batches: tuple[torch.Tensor, ...],
    ) -> None:
        for batch in batches:
            gradient = compute_gradient(params, *unpack(images[batch]), labels[batch])
            for w, g, v in zip(params, gradient, squares, strict=True):
                if isinstance(optimizer, SGD):
                    w.sub_(optimizer.learning_rate * g)
                else:
                    v.copy_(optimizer.rho * v + (1 - optimizer.rho) * g * g)
                    w.sub_(optimizer.learning_rate * g / torch.sqrt(v + optimizer.epsilon))

    return steps


def make_replay(
    run: Callable[[torch.Tensor], None], samples: int, device: torch.device
) -> Callable[[torch.Tensor], None]:
    """Record ``run`` for a number of samples; return a function to replay it over an order."""
    some = torch.arange(samples, device=device)  # the recorded kernels read it
    replay = capture(partial(run, some))

    def train(order: torch.Tensor) -> None:
        for part in order.split(samples):
            some.copy_(part)
            replay()

    return train


def require_compiler(device: torch.device) -> None:
    """Raise Unavailable where torch.compile finds no compiler for a device.

    On the CPU it compiles C++. On CUDA Triton compiles what launches its kernels, in C, for Python:
    https://github.com/triton-lang/triton/blob/main/python/triton/runtime/build.py.
    """
    if device.type == "cpu":
        compilers = [os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")]
    elif device.type in CAPTURED:
        compilers = [os.environ["CC"]] if "CC" in os.environ else ["gcc", "clang"]
    else:
        return
    if not any(map(shutil.which, compilers)):
        raise Unavailable(f"torch.compile needs a compiler: no {' or '.join(compilers)}")
    # Debian's own Python names another folder first; Triton looks in that of posix_prefix.
    folders = [sysconfig.get_path("include"), sysconfig.get_path("include", "posix_prefix")]
    folders += os.environ.get("CPATH", "").split(os.pathsep)
    if device.type != "cpu" and not any(Path(one, "Python.h").exists() for one in folders if one):
        raise Unavailable("torch.compile needs the headers of Python on a GPU: no Python.h")
