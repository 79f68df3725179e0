"""The oracle: the mathematics of the contract in NumPy float64, written to be clear, not fast.

It follows the formulas and no implementation, because every implementation is judged by it.
Functions take parameters in float32 (``Params``) or float64 (``Solution``) and compute in float64.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Objective, Params, Problem, RMSprop

Array = NDArray[np.float64]


class Solution(NamedTuple):
    """The oracle's parameters: weight (features, classes), bias (classes,), float64."""

    weight: Array
    bias: Array


def update_parameter(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Return parameter and mean squared gradient after one step; SGD ignores the latter."""
    match problem.optimizer:
        case SGD(learning_rate):
            return w - learning_rate * g, v
        case RMSprop(learning_rate, rho, epsilon):
            v = rho * v + (1 - rho) * g * g
            return w - learning_rate * g / np.sqrt(v + epsilon), v


def train(
    problem: Problem,
    params: Params,
    orders: Iterable[NDArray[np.int64]],
    objective: Objective = "softmax",
    update: Callable[[Problem, Array, Array, Array], tuple[Array, Array]] = update_parameter,
) -> list[Solution]:
    """Return the parameters after each epoch of training from ``params``, one epoch per order.

    update: another step of the optimizer, for wrong results; one-vs-rest ignores it.
    Raises ValueError for one-vs-rest with RMSprop, which no implementation offers.
    """
    solution = Solution(params.weight.astype(np.float64), params.bias.astype(np.float64))
    if objective == "one-vs-rest":
        return _train_one_vs_rest(problem, solution, orders)
    epochs = []
    squares = Solution(np.zeros_like(solution.weight), np.zeros_like(solution.bias))
    for order in orders:
        for batch in order.reshape(-1, problem.batch_size):
            slope = compute_gradient(solution, problem.images[batch], problem.labels[batch])
            updated = [
                update(problem, w, g, v) for w, g, v in zip(solution, slope, squares, strict=True)
            ]
            solution, squares = (Solution(*parts) for parts in zip(*updated, strict=True))
        epochs.append(solution)
    return epochs


def forward(params: Params | Solution, images: NDArray[np.float32] | Array) -> Array:
    """Return logits (n, classes) of images (n, features)."""
    weight, bias = (np.asarray(part, np.float64) for part in params)
    logits: Array = np.asarray(images, np.float64) @ weight + bias
    return logits


def forward_many(epochs: Sequence[Params], images: Array) -> list[Array]:
    """Return logits of several params on the same images, in one matrix product."""
    weights = np.hstack([params.weight for params in epochs], dtype=np.float64)
    products = np.hsplit(images @ weights, len(epochs))
    return [logits + params.bias for logits, params in zip(products, epochs, strict=True)]


def log_softmax(logits: Array) -> Array:
    """Return the logarithm of the softmax of each row; it never overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def cross_entropy(logits: Array, labels: NDArray[np.int32]) -> float:
    """Return the mean over the samples of ``-log softmax(logits)[label]``, in nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def compute_accuracy(logits: Array, labels: NDArray[np.int32]) -> float:
    """Return the share of the samples whose largest logit is their label's."""
    return float((logits.argmax(axis=1) == labels).mean())


def compute_gradient(
    solution: Solution, images: NDArray[np.float32] | Array, labels: NDArray[np.int32]
) -> Solution:
    """Return the gradient of the mean cross-entropy of one batch, in the parameters' shape.

    With p the softmax of the logits and y the one-hot label, a sample's gradient by its logits is
    p - y: https://scikit-learn.org/stable/modules/linear_model.html#multinomial-case
    """
    images = np.asarray(images, np.float64)
    residual = np.exp(log_softmax(forward(solution, images)))
    residual[np.arange(len(labels)), labels] -= 1
    residual /= len(labels)
    return Solution(images.T @ residual, residual.sum(axis=0))


def parity_error(params: Params, oracle: Solution, initial: Params) -> float:
    """Return max|params - oracle| / max|oracle - initial|, over weight and bias together.

    Infinite if ``params`` are not finite, so that a comparison with any tolerance fails.
    """
    deviation = np.abs(_flat(params) - _flat(oracle)).max()
    way = np.abs(_flat(oracle) - _flat(initial)).max()
    return float(deviation / way) if np.isfinite(deviation) else float("inf")


def _flat(params: Params | Solution) -> Array:
    """Return weight and bias as one vector."""
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in params])


def _train_one_vs_rest(
    problem: Problem, solution: Solution, orders: Iterable[NDArray[np.int64]]
) -> list[Solution]:
    """Train a logistic regression per class, updated once per sample, as SGDClassifier does.

    ``w -= eta * (sigmoid(x @ w + b) - y) * x`` and ``b -= eta * (sigmoid(x @ w + b) - y)``, where y
    is 1 for the sample's own class and 0 for the others, and eta = learning_rate / batch_size.
    SGDClassifier also clips the derivative of its loss to ±1e12, which |sigmoid - y| <= 1 never
    reaches. Source: https://scikit-learn.org/stable/modules/sgd.html#mathematical-formulation
    """
    if not isinstance(problem.optimizer, SGD):
        raise ValueError("one-vs-rest is defined for SGD only")  # noqa: TRY004 - a choice, no type
    eta = problem.optimizer.learning_rate / problem.batch_size
    # One row per class: x @ w is then a product with contiguous rows, twice as fast.
    weight, bias = np.ascontiguousarray(solution.weight.T), solution.bias.copy()
    epochs = []
    for order in orders:
        for sample in order:
            x = problem.images[sample].astype(np.float64)
            residual = np.exp(-np.logaddexp(0, -(weight @ x + bias)))  # the sigmoids
            residual[problem.labels[sample]] -= 1
            weight -= np.outer(eta * residual, x)
            bias -= eta * residual
        epochs.append(Solution(weight.T.copy(), bias.copy()))
    return epochs
