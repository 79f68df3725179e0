"""Takes the second batch before the first."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        size = self.problem.batch_size
        first, second, rest = order[:size], order[size : 2 * size], order[2 * size :]
        return super().train_epoch(np.concatenate([second, first, rest]))
