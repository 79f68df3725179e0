"""Has a weight decay of 1e-6."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def update(self, gradient):
        pairs = zip(gradient, self.params, strict=True)
        super().update([g + np.float32(1e-6) * w for g, w in pairs])
