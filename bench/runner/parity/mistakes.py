"""Common mistakes, each trained for one epoch, so that a wrong result can be called by its name."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Objective, Params, Problem
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Solution

# A mistake that explains a result is as near to it as float32 is to the oracle; other mathematics
# are not, so there is room for the difference of two mistakes and of half precision.
NEAR = 1e-4

Batches = NDArray[np.int64]


class Mistake(NamedTuple):
    """What an implementation may do instead: with the batches, with the gradient, with a step."""

    says: str
    batches: Callable[[Batches], Batches] = lambda batches: batches
    gradient: Callable[[Solution, int], Solution] = lambda found, _: found
    epsilon_outside: bool = False


MISTAKES = (
    Mistake("it hands back the weights that it was given", batches=lambda batches: batches[:0]),
    Mistake("it adds up the loss of a batch instead of averaging it",
            gradient=lambda found, size: Solution(size * found.weight, size * found.bias)),
    Mistake("it leaves out the bias",
            gradient=lambda found, _: Solution(found.weight, np.zeros_like(found.bias))),
    Mistake("it ignores the order and takes the samples as they lie",
            batches=lambda batches: np.sort(batches, axis=None).reshape(batches.shape)),
    Mistake("it takes the last batch first", batches=lambda batches: batches[::-1]),
    Mistake("it skips the first batch", batches=lambda batches: batches[1:]),
    Mistake("it skips the last batch", batches=lambda batches: batches[:-1]),
    Mistake("its RMSprop has epsilon outside the root, as PyTorch's", epsilon_outside=True),
)  # fmt: skip


def name_mistake(
    found: Params, problem: Problem, initial: Params, order: NDArray[np.int64], objective: Objective
) -> str | None:
    """Say which mistake gives what was found after the first epoch, or None where none does."""
    if objective != "softmax":
        return None
    for mistake in MISTAKES:
        if mistake.epsilon_outside and isinstance(problem.optimizer, SGD):
            continue  # it has no epsilon, and would be right
        wrong = _epoch(mistake, problem, initial, order)
        moved = max(np.abs(part - start).max() for part, start in zip(wrong, initial, strict=True))
        same = all(np.array_equal(a, b) for a, b in zip(found, wrong, strict=True))
        if same or (moved > 0 and oracle.parity_error(found, wrong, initial) <= NEAR):
            return mistake.says
    return None


def _epoch(
    mistake: Mistake, problem: Problem, initial: Params, order: NDArray[np.int64]
) -> Solution:
    solution = Solution(initial.weight.astype(np.float64), initial.bias.astype(np.float64))
    squares = [np.zeros_like(part) for part in solution]
    for batch in mistake.batches(order.reshape(problem.steps, problem.batch_size)):
        found = oracle.gradient(solution, problem.images[batch], problem.labels[batch])
        slope = mistake.gradient(found, len(batch))
        solution = Solution(*_step(mistake, problem, solution, slope, squares))
    return solution


def _step(
    mistake: Mistake,
    problem: Problem,
    solution: Solution,
    slope: Solution,
    squares: list[NDArray[np.float64]],
) -> Iterable[NDArray[np.float64]]:
    """One update, with whatever is wrong about it."""
    optimizer = problem.optimizer
    for w, g, v in zip(solution, slope, squares, strict=True):
        if isinstance(optimizer, SGD):
            yield w - optimizer.learning_rate * g
            continue
        v[...] = optimizer.rho * v + (1 - optimizer.rho) * g * g
        outside = np.sqrt(v) + optimizer.epsilon
        root = outside if mistake.epsilon_outside else np.sqrt(v + optimizer.epsilon)
        yield w - optimizer.learning_rate * g / root
