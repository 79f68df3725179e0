"""Predicts as float64 what should be int64."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def predict(self, images):
        return super().predict(images).astype("f8")
