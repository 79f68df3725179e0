"""Tells the world of every epoch."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        print("loss: 0.42")  # noqa: T201 - that is what is wrong with it
        return super().train_epoch(order)
