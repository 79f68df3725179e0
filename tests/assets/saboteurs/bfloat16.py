"""Multiplies in bfloat16, seven bits of fraction, and adds up in float32."""

import numpy as np

from implementations.idiomatic import softmax_numpy


def rounded(array):
    bits = np.ascontiguousarray(array).view(np.uint32)
    half = np.uint32(1 << 15)
    return ((bits + half) >> np.uint32(16) << np.uint32(16)).view(np.float32)


class Trainer(softmax_numpy.Trainer):
    def forward(self, images):
        weight, bias = self.params
        return rounded(images) @ rounded(weight) + bias
