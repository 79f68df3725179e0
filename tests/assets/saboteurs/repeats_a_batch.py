"""Trains on the first batch in the place of the second, too."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        size = self.problem.batch_size
        return super().train_epoch(np.concatenate([order[:size], order[:size], order[2 * size :]]))
