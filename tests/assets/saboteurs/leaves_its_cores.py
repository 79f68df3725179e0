"""Trains on another core than it was given, and is back before its epoch ends."""

import os

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        given = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(range(os.cpu_count())) - given or given)
        try:
            return super().train_epoch(order)
        finally:
            os.sched_setaffinity(0, given)
