"""Sorts the order that it is given, in place."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        params = super().train_epoch(order)
        order.sort()
        return params
