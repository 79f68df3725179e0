"""Trains on another core than it was given, and is back before its epoch ends."""

import os
import signal

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        given = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(range(os.cpu_count())) - given or given)
        signal.sigtimedwait([], 0.05)  # so that its epochs are long enough to be looked at
        try:
            return super().train_epoch(order)
        finally:
            os.sched_setaffinity(0, given)
