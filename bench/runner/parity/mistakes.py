"""Name common mistakes: train one epoch with each, and compare it with a wrong result."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Objective, Params, Problem
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Solution

# A mistake that explains a result is as near to it as float32 is to the oracle. The limit leaves
# room for half precision; two different mistakes are farther apart.
NEAR = 1e-4

Batches = NDArray[np.int64]


class Mistake(NamedTuple):
    """A mistake in the batches, in the gradient or in a step. description: follows "as if"."""

    description: str
    batches: Callable[[Batches], Batches] = lambda batches: batches
    gradient: Callable[[Solution, int], Solution] = lambda slope, _: slope
    epsilon_outside: bool = False


MISTAKES = (
    Mistake("it hands back the weights that it was given", batches=lambda batches: batches[:0]),
    Mistake(
        "it adds up the loss of a batch instead of averaging it",
        gradient=lambda slope, size: Solution(size * slope.weight, size * slope.bias),
    ),
    Mistake(
        "it leaves out the bias",
        gradient=lambda slope, _: Solution(slope.weight, np.zeros_like(slope.bias)),
    ),
    Mistake(
        "it ignores the order and takes the samples in stored order",
        batches=lambda batches: np.sort(batches, axis=None).reshape(batches.shape),
    ),
    Mistake("it takes the last batch first", batches=lambda batches: batches[::-1]),
    Mistake("it skips the first batch", batches=lambda batches: batches[1:]),
    Mistake("it skips the last batch", batches=lambda batches: batches[:-1]),
    Mistake("its RMSprop has epsilon outside the root, as PyTorch's", epsilon_outside=True),
)


def name_mistake(
    params: Params,
    problem: Problem,
    initial: Params,
    order: NDArray[np.int64],
    objective: Objective,
) -> str | None:
    """Return the mistake that gives these params after the first epoch, or None."""
    if objective != "softmax":
        return None
    for mistake in MISTAKES:
        if mistake.epsilon_outside and isinstance(problem.optimizer, SGD):
            continue  # SGD has no epsilon: this would be correct
        wrong = _epoch(mistake, problem, initial, order)
        moved = max(np.abs(part - start).max() for part, start in zip(wrong, initial, strict=True))
        same = all(np.array_equal(a, b) for a, b in zip(params, wrong, strict=True))
        if same or (moved > 0 and oracle.parity_error(params, wrong, initial) <= NEAR):
            return mistake.description
    return None


def _epoch(
    mistake: Mistake, problem: Problem, initial: Params, order: NDArray[np.int64]
) -> Solution:
    solution = Solution(initial.weight.astype(np.float64), initial.bias.astype(np.float64))
    squares = [np.zeros_like(part) for part in solution]
    for batch in mistake.batches(order.reshape(problem.steps, problem.batch_size)):
        slope = oracle.compute_gradient(solution, problem.images[batch], problem.labels[batch])
        slope = mistake.gradient(slope, len(batch))
        solution = Solution(*_step(mistake, problem, solution, slope, squares))
    return solution


def _step(
    mistake: Mistake,
    problem: Problem,
    solution: Solution,
    slope: Solution,
    squares: list[NDArray[np.float64]],
) -> Iterable[NDArray[np.float64]]:
    """Yield weight and bias after one update with the mistake."""
    optimizer = problem.optimizer
    for w, g, v in zip(solution, slope, squares, strict=True):
        if isinstance(optimizer, SGD):
            yield w - optimizer.learning_rate * g
            continue
        v[...] = optimizer.rho * v + (1 - optimizer.rho) * g * g
        outside = np.sqrt(v) + optimizer.epsilon
        root = outside if mistake.epsilon_outside else np.sqrt(v + optimizer.epsilon)
        yield w - optimizer.learning_rate * g / root
