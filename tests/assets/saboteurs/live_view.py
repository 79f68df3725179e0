"""Hands back the very weights that it goes on training."""

from bench.contract import Params
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        super().train_epoch(order)
        return Params(*self.params)
