"""Multiplies in float16 and adds up in float32."""

import numpy as np

from implementations.idiomatic import softmax_numpy


def half(array):
    return array.astype(np.float16).astype(np.float32)


class Trainer(softmax_numpy.Trainer):
    def forward(self, images):
        weight, bias = self.params
        return half(images) @ half(weight) + bias
