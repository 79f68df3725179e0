"""Takes the first weights that it is given, and no others."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def reset(self, params):
        if not hasattr(self, "params"):
            super().reset(params)
