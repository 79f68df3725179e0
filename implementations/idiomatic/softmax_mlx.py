"""Softmax regression in MLX, which is made for Apple silicon, with one compiled step per batch.

Follows https://ml-explore.github.io/mlx/build/html/examples/mlp.html and, for the compiled step,
https://ml-explore.github.io/mlx/build/html/usage/compile.html#compiling-training-graphs.
"""

from functools import partial

import mlx.core as mx
import numpy as np
from mlx import nn, optimizers
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device == "gpu" and not mx.is_available(mx.gpu):
            raise Unavailable("MLX finds no GPU: install it for Metal or for CUDA")
        mx.set_default_device(mx.gpu if device == "gpu" else mx.cpu)
        self.problem = problem
        self.images, self.labels = mx.array(problem.images), mx.array(problem.labels)
        self.model = nn.Linear(problem.features, problem.classes)
        self.optimizer = make_optimizer(problem.optimizer)
        self.optimizer.init(self.model.trainable_parameters())
        self.state = [self.model.state, self.optimizer.state]
        gradient = nn.value_and_grad(self.model, loss)

        @partial(mx.compile, inputs=self.state, outputs=self.state)
        def step(batch: mx.array) -> mx.array:
            value, gradients = gradient(self.model, self.images[batch], self.labels[batch])
            self.optimizer.update(self.model, gradients)
            return value

        self.step = step

    def reset(self, params: Params) -> None:
        # Its weight has a row for each class.
        self.model.update({"weight": mx.array(params.weight.T), "bias": mx.array(params.bias)})
        for name, square in self.optimizer.state.items():
            if isinstance(square, dict) and "v" in square:
                square["v"] = mx.zeros_like(self.model[name])
        mx.eval(self.state)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        for batch in batches:
            self.step(mx.array(batch))
            mx.eval(self.state)
        return Params(np.array(self.model.weight.T, order="C"), np.array(self.model.bias))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.array(self.model(mx.array(images)).argmax(axis=1)).astype(np.int64)


def loss(model: nn.Linear, images: mx.array, labels: mx.array) -> mx.array:
    """Return the mean cross-entropy of a batch."""
    return nn.losses.cross_entropy(model(images), labels, reduction="mean")


class RMSprop(optimizers.RMSprop):
    """RMSprop as in the contract. In mlx.optimizers.RMSprop, epsilon is outside the root."""

    def apply_single(
        self, gradient: mx.array, parameter: mx.array, state: dict[str, mx.array]
    ) -> mx.array:
        state["v"] = self.alpha * state["v"] + (1 - self.alpha) * mx.square(gradient)
        return parameter - self.learning_rate * gradient / mx.sqrt(state["v"] + self.eps)


def make_optimizer(optimizer: Optimizer) -> optimizers.Optimizer:
    """Return the optimizer of the problem."""
    if isinstance(optimizer, SGD):
        return optimizers.SGD(optimizer.learning_rate)
    return RMSprop(optimizer.learning_rate, alpha=optimizer.rho, eps=optimizer.epsilon)
