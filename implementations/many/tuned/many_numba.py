"""Softmax regression of several models in Numba, as one compiled loop over the models.

Follows https://numba.readthedocs.io/en/stable/user/parallel.html#explicit-parallel-loops: each core
trains other models, one after the other. The loops of one model, over pixels that stay bytes
(uint8), are those of ../../tuned/softmax_numba.py.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable
from implementations.tuned.softmax_numba import (
    FAST,
    TALL,
    WIDE,
    accumulate,
    forward,
    softmax,
    update,
)

Array = NDArray[Any]


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("Numba compiles loops for the CPU only")
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem, scale = problem, 1.0
        self.images: Array = np.ascontiguousarray(problem.images)
        pixels = (problem.images * 255 + 0.5).astype(np.uint8)
        if np.array_equal(pixels / np.float32(255), problem.images):
            self.images, scale = pixels, 1 / 255
        # A row for each class, padded with empty rows to a multiple of WIDE.
        models, rows = len(problem.models), -(-problem.classes // WIDE) * WIDE
        self.weight = np.zeros((models, rows, problem.features), np.float32)
        self.bias = np.zeros((models, problem.classes), np.float32)
        self.epoch = make_epoch(problem.batch_size, (rows, problem.features), np.float32(scale))
        self.train_epoch(np.empty(0, np.int64))  # compiles

    def reset(self, params: Params) -> None:
        self.weight[:, : self.problem.classes] = params.weight.transpose(0, 2, 1)
        self.bias[:] = params.bias

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        params = self.weight, self.bias, self.problem.models
        self.epoch(params, (self.images, self.problem.labels), order)
        weight = self.weight[:, : self.problem.classes].transpose(0, 2, 1)
        return Params(weight.copy(), self.bias.copy())


def make_epoch(size: int, shape: tuple[int, int], scale: np.float32) -> Any:
    """Return the compiled loop over the models. Sizes are compiled as constants.

    size: of a batch. shape: of a padded weight. scale: of the pixels.
    """
    share, none = np.float32(1 / size), np.float32(0)
    padded = shape[0], -(-size // TALL) * TALL

    @njit(fastmath=FAST)
    def train(weight: Array, bias: Array, rate: Any, data: Any, order: Array) -> None:
        """Train one model."""
        images, labels = data
        rule, bias_slope = (True, rate, none, none, none), np.zeros_like(bias)
        logits, slope = np.zeros(padded, np.float32), np.zeros(shape, np.float32)
        for start in range(0, len(order), size):
            batch, following = order[start : start + size], order[start + size : start + 2 * size]
            forward(images, batch, following, weight, logits)
            softmax(logits, scale, bias, labels, batch)
            accumulate(images, batch, logits, slope)
            flat = weight.reshape(-1), slope.reshape(-1)
            update(*flat, flat[0], scale * share, rule)
            for c in range(len(bias)):
                bias_slope[c] = logits[c].sum()
            update(bias, bias_slope, bias, share, rule)

    @njit(parallel=True, cache=True)
    def epoch(params: Any, data: Any, order: Array) -> None:
        weights, biases, rates = params
        for model in prange(len(rates)):
            train(weights[model], biases[model], rates[model], data, order)

    return epoch
