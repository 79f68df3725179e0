"""Adds up the loss of a batch instead of averaging it."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def gradient(self, images, labels):
        return [len(labels) * part for part in super().gradient(images, labels)]
