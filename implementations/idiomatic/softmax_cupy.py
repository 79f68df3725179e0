"""Softmax regression in CuPy: softmax_numpy.py with the arrays on a GPU.

Follows https://docs.cupy.dev/en/stable/user_guide/basic.html.
"""

import cupy as cp
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "gpu":
            raise Unavailable("CuPy computes on a GPU only")
        if not cp.cuda.is_available():
            raise Unavailable(f"CuPy {cp.__version__} finds no GPU")
        self.problem = problem
        self.images, self.labels = cp.asarray(problem.images), cp.asarray(problem.labels)

    def reset(self, params: Params) -> None:
        self.params = [cp.array(part) for part in params]
        self.squares = [cp.zeros_like(part) for part in self.params]

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        for batch in cp.asarray(order).reshape(self.problem.steps, self.problem.batch_size):
            self.update(self.gradient(self.images[batch], self.labels[batch]))
        weight, bias = self.params
        return Params(cp.asnumpy(weight), cp.asnumpy(bias))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return cp.asnumpy(self.forward(cp.asarray(images)).argmax(axis=1))

    def forward(self, images: cp.ndarray) -> cp.ndarray:
        weight, bias = self.params
        return images @ weight + bias

    def gradient(self, images: cp.ndarray, labels: cp.ndarray) -> list[cp.ndarray]:
        residual = self.forward(images)
        residual -= residual.max(axis=1, keepdims=True)  # prevents an overflow of exp
        cp.exp(residual, out=residual)
        residual /= residual.sum(axis=1, keepdims=True)
        residual[cp.arange(len(labels)), labels] -= 1
        # A product, because a sum over rows accumulates rounding errors in a large batch.
        ones = cp.ones(len(labels), cp.float32)
        share = np.float32(1 / len(labels))
        return [share * (images.T @ residual), share * (ones @ residual)]

    def update(self, gradient: list[cp.ndarray]) -> None:
        optimizer = self.problem.optimizer
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            if isinstance(optimizer, SGD):
                w[...] -= optimizer.learning_rate * g
            else:
                v[...] = optimizer.rho * v + (1 - optimizer.rho) * g * g
                w[...] -= optimizer.learning_rate * g / cp.sqrt(v + optimizer.epsilon)
