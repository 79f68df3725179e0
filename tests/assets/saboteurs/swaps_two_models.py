"""Returns two of its models in each other's place."""

from implementations.many.idiomatic import many_numpy

MANY = True


class Trainer(many_numpy.Trainer):
    def train_epoch(self, order):
        params = super().train_epoch(order)
        for part in params:
            part[[0, -1]] = part[[-1, 0]]
        return params
