"""Has PyTorch's RMSprop, whose epsilon stands outside the root."""

import numpy as np

from bench.contract import SGD
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def update(self, gradient):
        optimizer = self.problem.optimizer
        if isinstance(optimizer, SGD):
            super().update(gradient)
            return
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            v[...] = optimizer.rho * v + (1 - optimizer.rho) * g * g
            w[...] -= optimizer.learning_rate * g / (np.sqrt(v) + optimizer.epsilon)
