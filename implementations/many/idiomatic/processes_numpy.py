"""Softmax regression of several models in NumPy, one by one, in one process a core.

Follows https://scikit-learn.org/stable/computing/parallelism.html, which advises one process a core
with one thread each. The program of one model is ../../idiomatic/softmax_numpy.py.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem
from implementations.idiomatic import softmax_numpy
from implementations.many._processes import Processes, serve


class Trainer(Processes):
    def __init__(self, problem: Problem, device: Device) -> None:
        super().__init__(problem, device, "implementations.many.idiomatic.processes_numpy")


class OneByOne:
    """The models of one process."""

    def __init__(self, problem: Problem) -> None:
        rates = [] if problem.models is None else problem.models.tolist()
        problems = [replace(problem, models=None, optimizer=SGD(rate)) for rate in rates]
        self.trainers = [softmax_numpy.Trainer(one, "cpu") for one in problems]

    def reset(self, params: Params) -> None:
        for trainer, weight, bias in zip(self.trainers, *params, strict=True):
            trainer.reset(Params(weight, bias))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        trained = [trainer.train_epoch(order) for trainer in self.trainers]
        return Params(*(np.stack(part) for part in zip(*trained, strict=True)))


if __name__ == "__main__":
    serve(OneByOne)
