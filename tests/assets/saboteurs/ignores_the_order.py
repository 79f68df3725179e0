"""Takes the samples in stored order."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        return super().train_epoch(np.arange(len(order)))
