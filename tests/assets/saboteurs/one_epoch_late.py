"""Hands back the weights of the epoch before."""

from bench.contract import Params
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def reset(self, params):
        super().reset(params)
        self.before = Params(params.weight.copy(), params.bias.copy())

    def train_epoch(self, order):
        before, self.before = self.before, super().train_epoch(order)
        return before
