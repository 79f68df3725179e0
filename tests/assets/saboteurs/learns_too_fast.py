"""Has a learning rate that is a ten-thousandth too large."""

import dataclasses

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        rate = problem.optimizer.learning_rate * (1 + 1e-4)
        optimizer = dataclasses.replace(problem.optimizer, learning_rate=rate)
        super().__init__(dataclasses.replace(problem, optimizer=optimizer), device)
