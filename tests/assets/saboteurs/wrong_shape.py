"""Hands back its weight transposed."""

from bench.contract import Params
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        weight, bias = super().train_epoch(order)
        return Params(weight.T.copy(), bias)
