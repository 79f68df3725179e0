"""Makes the whole clock run at a tenth of its speed."""

import signal

from bench.worker import measure
from implementations.idiomatic import softmax_numpy

real = measure.perf_counter_ns
begun = real()
measure.perf_counter_ns = lambda: begun + (real() - begun) // 10


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        signal.sigtimedwait([], 0.05)  # so that even a busy machine sees the difference
        return super().train_epoch(order)
