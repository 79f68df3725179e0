"""Never ends, and ignores a polite request to."""

import signal

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
