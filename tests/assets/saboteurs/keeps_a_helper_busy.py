"""Lets a process of its session compute all the time."""

import os

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        worker = os.getpid()
        if os.fork() == 0:
            while os.getppid() == worker:
                sum(range(1000))
            os._exit(0)
