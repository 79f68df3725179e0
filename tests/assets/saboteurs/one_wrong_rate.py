"""Has the learning rate of one of its models wrong by a ten-thousandth."""

import dataclasses

from implementations.many.idiomatic import many_numpy

MANY = True


class Trainer(many_numpy.Trainer):
    def __init__(self, problem, device):
        rates = problem.models.copy()
        rates[-1] *= 1 + 1e-4
        super().__init__(dataclasses.replace(problem, models=rates), device)
