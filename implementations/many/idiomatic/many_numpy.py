"""Softmax regression of several models in NumPy, as products of stacks of matrices.

Follows https://numpy.org/doc/stable/reference/generated/numpy.matmul.html: with more than two axes,
the operands are stacks of matrices in the last two, and a single matrix is used for all of them.
"""

import numpy as np
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("NumPy computes on the CPU only")
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem = problem
        self.share = problem.models[:, None, None] / np.float32(problem.batch_size)

    def reset(self, params: Params) -> None:
        self.weight, self.bias = params.weight.copy(), params.bias.copy()

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in order.reshape(self.problem.steps, self.problem.batch_size):
            self.step(self.problem.images[batch], self.problem.labels[batch])
        return Params(self.weight.copy(), self.bias.copy())

    def step(self, images: NDArray[np.float32], labels: NDArray[np.int32]) -> None:
        # Models, then samples, then classes.
        residual = images @ self.weight + self.bias[:, None]
        residual -= residual.max(axis=2, keepdims=True)  # prevents an overflow of exp
        np.exp(residual, out=residual)
        residual /= residual.sum(axis=2, keepdims=True)
        residual[:, np.arange(len(labels)), labels] -= 1
        residual *= self.share
        self.weight -= images.T @ residual
        # A product, because a sum over rows accumulates rounding errors in a large batch.
        self.bias -= np.ones(len(labels), np.float32) @ residual
