"""Keeps the optimizer's state through a reset."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def reset(self, params):
        squares = getattr(self, "squares", None)
        super().reset(params)
        self.squares = squares or self.squares
