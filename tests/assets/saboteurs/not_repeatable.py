"""Comes out a little different every time."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def gradient(self, images, labels):
        noise = 1 + 1e-3 * np.random.default_rng().standard_normal()
        return [np.float32(noise) * part for part in super().gradient(images, labels)]
