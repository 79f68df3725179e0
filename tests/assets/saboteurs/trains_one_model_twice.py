"""Trains all models but one, and returns another one in its place."""

from implementations.many.idiomatic import many_numpy

MANY = True


class Trainer(many_numpy.Trainer):
    def train_epoch(self, order):
        params = super().train_epoch(order)
        for part in params:
            part[-1] = part[0]
        return params
