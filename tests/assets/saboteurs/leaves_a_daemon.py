"""Leaves a process that has a session of its own, as a daemon does."""

import os

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        if os.fork() == 0:
            os.setsid()
            os.execlp("sleep", "sleep", "60")
