"""Scales the images that it is given, in place."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        problem.images[-1, 0] = 1 - problem.images[-1, 0]
