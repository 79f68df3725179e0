"""Multiplies in TF32, ten bits of fraction, and adds up in float32."""

from rounds_later import round_tf32

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def forward(self, images):
        weight, bias = self.params
        return round_tf32(images) @ round_tf32(weight) + bias
