"""Computes when its method is looked up, as if it worked before the clock starts."""

import os

from bench.worker.measure import read_cpu_seconds
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    @property
    def train_epoch(self):
        end = read_cpu_seconds(os.getpid()) + 0.05
        while read_cpu_seconds(os.getpid()) < end:
            pass
        return super().train_epoch
