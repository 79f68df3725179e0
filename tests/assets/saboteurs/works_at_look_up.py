"""Sleeps when its method is looked up, as if it worked before the clock starts."""

import signal

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    @property
    def train_epoch(self):
        signal.sigtimedwait([], 0.05)
        return super().train_epoch
