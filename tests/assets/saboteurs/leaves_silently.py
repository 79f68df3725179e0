"""Ends its process as if all were well, without a result."""

import os

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        os._exit(0)
