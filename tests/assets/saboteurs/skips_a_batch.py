"""Leaves out the last batch of every epoch."""

from bench.contract import Params
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        for batch in order.reshape(self.problem.steps, self.problem.batch_size)[:-1]:
            self.update(self.gradient(self.problem.images[batch], self.problem.labels[batch]))
        return Params(*(part.copy() for part in self.params))
