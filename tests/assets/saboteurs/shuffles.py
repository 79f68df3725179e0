"""Shuffles the order that it is given once more."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        return super().train_epoch(np.random.default_rng(0).permutation(order))
