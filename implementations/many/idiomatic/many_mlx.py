"""Softmax regression of several models in MLX, with one compiled step per batch for all of them.

Follows https://ml-explore.github.io/mlx/build/html/usage/function_transforms.html (vmap and grad)
and, for the compiled step, https://ml-explore.github.io/mlx/build/html/usage/compile.html.
"""

import mlx.core as mx
import numpy as np
from mlx import nn
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if problem.models is None:
            raise Unavailable("it trains several models")
        if device == "gpu" and not mx.is_available(mx.gpu):
            raise Unavailable("MLX finds no GPU: install it for Metal or for CUDA")
        mx.set_default_device(mx.gpu if device == "gpu" else mx.cpu)
        self.problem = problem
        self.images, self.labels = mx.array(problem.images), mx.array(problem.labels)
        self.rates = mx.array(problem.models)
        self.step = mx.compile(step)

    def reset(self, params: Params) -> None:
        self.params = [mx.array(part) for part in params]

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        for batch in map(mx.array, batches):
            data = self.images[batch], self.labels[batch]
            self.params = self.step(*self.params, self.rates, *data)
            mx.eval(self.params)
        return Params(*(np.array(part) for part in self.params))


def step(
    weight: mx.array, bias: mx.array, rates: mx.array, images: mx.array, labels: mx.array
) -> list[mx.array]:
    """Return all models after one update on a batch."""
    # Each model has its params; the batch is the same for all.
    gradient = mx.vmap(mx.grad(loss, argnums=(0, 1)), in_axes=(0, 0, None, None))
    slopes = gradient(weight, bias, images, labels)
    return [weight - rates[:, None, None] * slopes[0], bias - rates[:, None] * slopes[1]]


def loss(weight: mx.array, bias: mx.array, images: mx.array, labels: mx.array) -> mx.array:
    """Return the mean cross-entropy of a batch, of one model."""
    return nn.losses.cross_entropy(images @ weight + bias, labels, reduction="mean")
