"""Raises an error whose message has two lines."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        raise RuntimeError("the gradient\n  is gone")
