"""Lowers its learning rate after each epoch."""

from dataclasses import replace

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        params = super().train_epoch(order)
        optimizer = self.problem.optimizer
        slower = replace(optimizer, learning_rate=0.95 * optimizer.learning_rate)
        self.problem = replace(self.problem, optimizer=slower)
        return params
