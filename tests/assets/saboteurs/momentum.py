"""Other mathematics: SGD with a little momentum."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def update(self, gradient):
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            v[...] = 0.01 * v + g
            w[...] -= self.problem.optimizer.learning_rate * v
