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
from textwrap import shorten

import numpy as np
import torch
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable

MOST = 10  # steps that are compiled at once: set-up grows with them, what a call costs shrinks
REPLAYED = 100  # steps that are replayed at once, at most: a replay costs about as much as a kernel
CAPTURED = ("cuda",)  # the devices whose work can be recorded once and replayed, AMD's included

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


def needs_compiler() -> None:
    """Raise Unavailable where the compiler is missing that torch.compile itself looks for."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise Unavailable(f"torch.compile needs a C++ compiler on the CPU: no {compiler}")


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
