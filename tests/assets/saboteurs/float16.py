"""Multiplies in float16 and adds up in float32."""

from rounds_later import round_half

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def forward(self, images):
        weight, bias = self.params
        return round_half(images) @ round_half(weight) + bias
