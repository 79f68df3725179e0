"""Writes two megabytes on stderr before it fails."""

import sys

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        sys.stderr.write("a warning that nobody reads\n" * 80_000)
        raise RuntimeError("and now this")
