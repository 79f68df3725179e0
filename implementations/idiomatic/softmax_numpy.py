"""Softmax regression in NumPy, with the gradient written out.

Follows https://numpy.org/numpy-tutorials/content/tutorial-deep-learning-on-mnist.html, with a
softmax on top and the optimizer of the contract.
"""

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("NumPy computes on the CPU only")
        self.problem = problem

    def reset(self, params: Params) -> None:
        self.params = [part.copy() for part in params]
        self.squares = [np.zeros_like(part) for part in params]

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in order.reshape(self.problem.steps, self.problem.batch_size):
            self.update(self.gradient(self.problem.images[batch], self.problem.labels[batch]))
        weight, bias = self.params
        return Params(weight.copy(), bias.copy())

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.forward(images).argmax(axis=1)

    def forward(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        weight, bias = self.params
        logits: NDArray[np.float32] = images @ weight + bias
        return logits

    def gradient(
        self, images: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> list[NDArray[np.float32]]:
        residual = self.forward(images)
        residual -= residual.max(axis=1, keepdims=True)  # prevents an overflow of exp
        np.exp(residual, out=residual)
        residual /= residual.sum(axis=1, keepdims=True)
        residual[np.arange(len(labels)), labels] -= 1
        # A product, because a sum over rows accumulates rounding errors in a large batch.
        ones = np.ones(len(labels), np.float32)
        share = np.float32(1 / len(labels))
        return [share * (images.T @ residual), share * (ones @ residual)]

    def update(self, gradient: list[NDArray[np.float32]]) -> None:
        optimizer = self.problem.optimizer
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            if isinstance(optimizer, SGD):
                w[...] -= optimizer.learning_rate * g
            else:
                v[...] = optimizer.rho * v + (1 - optimizer.rho) * g * g
                w[...] -= optimizer.learning_rate * g / np.sqrt(v + optimizer.epsilon)
