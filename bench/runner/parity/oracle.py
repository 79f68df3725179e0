"""The oracle: the mathematics of the contract in NumPy float64, written to be clear, not fast.

It follows the formulas and no implementation, because every implementation is judged by it.
Functions take parameters in float32 (``Params``) or float64 (``Solution``) and compute in float64.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger  # a + alpha * np.outer(x, y), without a temporary array
from scipy.special import expit  # the sigmoid; it never overflows

from bench.contract import SGD, Objective, Params, Problem, RMSprop

Array = NDArray[np.float64]

# One-vs-rest converts this many images at once to float64: few enough for a core's cache.
CAST_IMAGES = 64


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


class State(NamedTuple):
    """Where training stands: the parameters, and RMSprop's mean squared gradients.

    loss, accuracy: of the training samples in the epoch that ended here, as Keras's History has
    them: each sample counts once, with the parameters from before the update of its batch. The loss
    is the mean cross-entropy in nats. None at the start, and for one-vs-rest, which has another
    loss.
    """

    solution: Solution
    squares: Solution
    loss: float | None = None
    accuracy: float | None = None


def start(params: Params | Solution) -> State:
    """Return the state at these parameters, with a fresh optimizer."""
    solution = Solution(params.weight.astype(np.float64), params.bias.astype(np.float64))
    return State(solution, Solution(np.zeros_like(solution.weight), np.zeros_like(solution.bias)))


def train_epoch(
    problem: Problem,
    state: State,
    order: NDArray[np.int64],
    objective: Objective = "softmax",
    update: Callable[[Problem, Array, Array, Array], tuple[Array, Array]] = update_parameter,
    *,
    smoothing: float = 0.0,
) -> State:
    """Return the state after one epoch over the samples in this order.

    update, smoothing: another step of the optimizer, and the share of each label that is spread
    over all classes, for wrong results; one-vs-rest ignores them.
    Raises ValueError for one-vs-rest with RMSprop, which no implementation offers.
    """
    if objective == "one-vs-rest":
        return State(_train_one_vs_rest(problem, state.solution, order), state.squares)
    if not len(order):  # a mistake that takes no sample; it has no mean loss
        return state
    solution, squares = state.solution, state.squares
    loss, correct = 0.0, 0
    for batch in order.reshape(-1, problem.batch_size):
        images = np.asarray(problem.images[batch], np.float64)
        labels = problem.labels[batch]
        log_probabilities = log_softmax(forward(solution, images))
        loss -= float(log_probabilities[np.arange(len(labels)), labels].sum())
        correct += int((log_probabilities.argmax(axis=1) == labels).sum())
        slope = compute_gradient(images, log_probabilities, labels, smoothing)
        updated = [
            update(problem, w, g, v) for w, g, v in zip(solution, slope, squares, strict=True)
        ]
        solution, squares = (Solution(*parts) for parts in zip(*updated, strict=True))
    return State(solution, squares, loss / len(order), correct / len(order))


def forward(params: Params | Solution, images: NDArray[np.float32] | Array) -> Array:
    """Return logits (n, classes) of images (n, features)."""
    weight, bias = (np.asarray(part, np.float64) for part in params)
    logits: Array = np.asarray(images, np.float64) @ weight + bias
    return logits


def log_softmax(logits: Array) -> Array:
    """Return the logarithm of the softmax of each row; it never overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def compute_accuracies(
    epochs: Sequence[Params], images: Array, labels: NDArray[np.int32]
) -> list[float]:
    """Return, for the params after each epoch, the share of the images with the right label.

    The label is that of the largest logit. Images (n, features); one matrix product for all epochs.
    """
    weights = np.hstack([params.weight for params in epochs], dtype=np.float64)
    products = (images @ weights).reshape(len(images), len(epochs), -1)
    logits = products + np.stack([params.bias for params in epochs])
    shares: list[float] = (logits.argmax(axis=2) == labels[:, None]).mean(axis=0).tolist()
    return shares


def compute_gradient(
    images: Array, log_probabilities: Array, labels: NDArray[np.int32], smoothing: float = 0.0
) -> Solution:
    """Return the gradient of the mean cross-entropy of one batch, in the parameters' shape.

    images: (n, features). log_probabilities: (n, classes), ``log_softmax`` of their logits.
    With p the softmax of the logits and y the one-hot label, a sample's gradient by its logits is
    p - y: https://scikit-learn.org/stable/modules/linear_model.html#multinomial-case
    """
    residual = np.exp(log_probabilities)
    residual[np.arange(len(labels)), labels] -= 1 - smoothing
    residual -= smoothing / residual.shape[1]
    residual /= len(labels)
    return Solution(images.T @ residual, residual.sum(axis=0))


def parity_error(params: Params, oracle: Solution, initial: Params | Solution) -> float:
    """Return max|params - oracle| / max|oracle - initial|, over weight and bias together.

    Infinite if ``params`` are not finite, so that a comparison with any tolerance fails.
    """
    deviation = np.abs(flatten(params) - flatten(oracle)).max()
    way = np.abs(flatten(oracle) - flatten(initial)).max()
    return float(deviation / way) if np.isfinite(deviation) else float("inf")


def flatten(params: Params | Solution) -> Array:
    """Return weight and bias as one vector."""
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in params])


def _train_one_vs_rest(problem: Problem, solution: Solution, order: NDArray[np.int64]) -> Solution:
    """Train a logistic regression per class, updated once per sample, as SGDClassifier does.

    ``w -= eta * (sigmoid(x @ w + b) - y) * x`` and ``b -= eta * (sigmoid(x @ w + b) - y)``, where y
    is 1 for the sample's own class and 0 for the others, and eta = learning_rate / batch_size. The
    bias is trained as the weight of one more pixel, which is 1 in every image.
    SGDClassifier also clips the derivative of its loss to ±1e12, which |sigmoid - y| <= 1 never
    reaches. Source: https://scikit-learn.org/stable/modules/sgd.html#mathematical-formulation
    """
    if not isinstance(problem.optimizer, SGD):
        raise ValueError("one-vs-rest is defined for SGD only")  # noqa: TRY004 - a choice, no type
    eta = problem.optimizer.learning_rate / problem.batch_size
    params = np.asfortranarray(np.vstack(solution))  # columns are contiguous, as BLAS needs them
    for samples in np.split(order, range(CAST_IMAGES, len(order), CAST_IMAGES)):
        images = np.ones((len(samples), len(params)))
        images[:, :-1] = problem.images[samples]
        for x, label in zip(images, problem.labels[samples], strict=True):
            residual = expit(x @ params)
            residual[label] -= 1
            params = dger(-eta, x, residual, a=params, overwrite_a=True)
    return Solution(params[:-1].copy(), params[-1].copy())
