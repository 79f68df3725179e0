"""Softmax regression in tinygrad: TinyJit captures one step, and replays it for every batch.

Follows https://docs.tinygrad.org/quickstart/, which makes each batch with NumPy, and, for the step
as one function, https://docs.tinygrad.org/mnist/. That page indexes the images on the device, which
reads all of them for every batch.
"""

import os
import subprocess

import numpy as np
from numpy.typing import NDArray
from tinygrad import Context, Tensor, TinyJit, nn
from tinygrad import Device as Devices
from tinygrad.helpers import DEV  # private API, of tinygrad 0.14

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        choose_device(device)
        self.problem = problem
        self.model = nn.Linear(problem.features, problem.classes)
        self.optimizer = make_optimizer(problem.optimizer, nn.state.get_parameters(self.model))

        @TinyJit
        @Context(TRAINING=1)
        def step(images: Tensor, labels: Tensor) -> Tensor:
            self.optimizer.zero_grad()
            loss = self.model(images).sparse_categorical_crossentropy(labels).backward()
            return loss.realize(*self.optimizer.schedule_step())

        self.step = step

    def reset(self, params: Params) -> None:
        # Its weight has a row for each class.
        self.model.weight.assign(Tensor(np.ascontiguousarray(params.weight.T))).realize()
        self.model.bias.assign(Tensor(params.bias)).realize()
        if isinstance(self.optimizer, RMSprop):
            for square in self.optimizer.squares:
                square.assign(square.zeros_like()).realize()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in order.reshape(self.problem.steps, self.problem.batch_size):
            self.step(Tensor(self.problem.images[batch]), Tensor(self.problem.labels[batch]))
        weight, bias = self.model.weight.numpy(), self.model.bias.numpy()
        return Params(np.array(weight.T, order="C"), np.array(bias))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.model(Tensor(images)).argmax(axis=1).numpy().astype(np.int64)


def choose_device(device: Device) -> None:
    """Make a device tinygrad's default, after opening it. Raises Unavailable."""
    if device == "cpu":
        compiler = os.environ.get("CC", "clang")
        try:
            Devices["CPU"]  # compiles a few functions
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(
                f"tinygrad compiles for the CPU with clang, and {compiler} failed. Install clang, "
                "or name it in CC"
            ) from error
        DEV.value = "CPU"
        return
    for name in ("CUDA", "METAL"):
        try:
            Devices[name]
        except (AttributeError, OSError, RuntimeError):  # no library, or no GPU
            continue
        DEV.value = name
        return
    raise Unavailable("tinygrad finds no GPU through CUDA or Metal")


class RMSprop(nn.optim.Optimizer):
    """RMSprop as in the contract; tinygrad has none."""

    def __init__(self, params: list[Tensor], lr: float, *, rho: float, epsilon: float) -> None:
        super().__init__(params, lr)
        self.rho, self.epsilon = rho, epsilon
        self.squares = self._new_optim_param()

    def _step(
        self,
        params: list[Tensor],  # noqa: ARG002 - the base class subtracts the updates from them
        grads: list[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        updates = []
        for v, g in zip(self.squares, grads, strict=True):
            v.assign(self.rho * v + (1 - self.rho) * g * g)
            updates.append(self.lr * g / (v + self.epsilon).sqrt())
        return updates, self.squares


def make_optimizer(optimizer: Optimizer, params: list[Tensor]) -> nn.optim.Optimizer:
    """Return the optimizer of the problem."""
    if isinstance(optimizer, SGD):
        return nn.optim.SGD(params, lr=optimizer.learning_rate)
    return RMSprop(params, optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon)
