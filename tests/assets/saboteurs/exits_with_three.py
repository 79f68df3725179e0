"""Ends its process with an exit status of its own."""

import sys

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        sys.exit(3)
