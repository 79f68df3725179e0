"""Softmax regression in scikit-learn: a multi-layer perceptron without hidden layers, a trick.

No page of scikit-learn shows ``hidden_layer_sizes=()``, but it has no other softmax regression that
is trained in batches. Follows
https://scikit-learn.org/stable/modules/neural_networks_supervised.html and, for one epoch at a
time, https://scikit-learn.org/stable/computing/scaling_strategies.html.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from bench.contract import SGD, Device, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("scikit-learn's MLPClassifier computes on the CPU only")
        if not isinstance(problem.optimizer, SGD):
            raise Unavailable("scikit-learn's MLPClassifier has no RMSprop")
        self.problem = problem
        self.classifier = MLPClassifier(
            hidden_layer_sizes=(),
            solver="sgd",
            alpha=0,
            batch_size=problem.batch_size,
            learning_rate_init=problem.optimizer.learning_rate,
            shuffle=False,
            momentum=0,
            nesterovs_momentum=False,
        )
        # The estimator allocates its weights in its first call; reset() replaces their values.
        first = slice(problem.batch_size)
        classes = np.arange(problem.classes)
        self.classifier.partial_fit(problem.images[first], problem.labels[first], classes=classes)

    def reset(self, params: Params) -> None:
        self.classifier.coefs_ = [params.weight.copy()]
        self.classifier.intercepts_ = [params.bias.copy()]

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.classifier.partial_fit(self.problem.images[order], self.problem.labels[order])
        # Copies, because the estimator updates its weights in place.
        return Params(self.classifier.coefs_[0].copy(), self.classifier.intercepts_[0].copy())

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.classifier.predict(images).astype(np.int64)
