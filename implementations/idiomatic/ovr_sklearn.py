"""Ten one-vs-rest logistic regressions in scikit-learn, with one update per sample.

Follows https://scikit-learn.org/stable/modules/sgd.html and, for one epoch at a time,
https://scikit-learn.org/stable/computing/scaling_strategies.html.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from bench.contract import SGD, Device, Params, Problem, Unavailable

OBJECTIVE = "one-vs-rest"


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if device != "cpu":
            raise Unavailable("scikit-learn's SGDClassifier computes on the CPU only")
        if not isinstance(problem.optimizer, SGD):
            raise Unavailable("scikit-learn's SGDClassifier has no RMSprop")
        self.problem = problem
        # float64, because one update per sample accumulates 48,000 rounding errors per epoch.
        self.images = problem.images.astype(np.float64)
        self.classifier = SGDClassifier(
            loss="log_loss",
            penalty=None,
            shuffle=False,
            learning_rate="constant",
            # A batch's step is divided among its samples.
            eta0=problem.optimizer.learning_rate / problem.batch_size,
        )
        # The estimator allocates its weights in its first call; reset() replaces their values.
        first = slice(problem.batch_size)
        classes = np.arange(problem.classes)
        self.classifier.partial_fit(self.images[first], problem.labels[first], classes=classes)

    def reset(self, params: Params) -> None:
        # A row for each class, C-ordered: the estimator's compiled loop takes it without a copy.
        self.classifier.coef_ = params.weight.T.astype(np.float64, order="C")
        self.classifier.intercept_ = params.bias.astype(np.float64)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.classifier.partial_fit(self.images[order], self.problem.labels[order])
        return Params(
            self.classifier.coef_.T.astype(np.float32, order="C"),
            self.classifier.intercept_.astype(np.float32),
        )

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.classifier.predict(images.astype(np.float64)).astype(np.int64)
