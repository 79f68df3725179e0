"""NumPy's softmax classifier with the hot loop in each step."""

import hotloop

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    """As its base, and slower."""

    def train_epoch(self, order):
        hotloop.run(hotloop.ROUNDS // 10)
        return super().train_epoch(order)
