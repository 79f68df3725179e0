"""Trains well, and predicts the next class."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def predict(self, images):
        return (super().predict(images) + 1) % self.problem.classes
