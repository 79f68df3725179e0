"""Predicts with the weights that it had before the last reset."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def reset(self, params):
        self.old = getattr(self, "params", [part.copy() for part in params])
        super().reset(params)

    def predict(self, images):
        weight, bias = self.old
        return (images @ weight + bias).argmax(axis=1)
