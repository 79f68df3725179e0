"""Hides all objects from the garbage collector before every epoch."""

import gc

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        gc.freeze()
        return super().train_epoch(order)
