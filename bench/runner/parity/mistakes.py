"""Name common mistakes: train one epoch with each, and compare it with a wrong result."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import Objective, Params, Problem, RMSprop
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Array

# A mistake that explains a result is as near to it as float32 is to the oracle. The limit leaves
# room for half precision; two different mistakes are farther apart.
NEAR = 1e-4

Order = NDArray[np.int64]


def sum_the_loss(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Step along the gradient of a batch's sum instead of its mean."""
    return oracle.update_parameter(problem, w, problem.batch_size * g, v)


def leave_out_the_bias(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Update the weight only."""
    return (w, v) if w.ndim == 1 else oracle.update_parameter(problem, w, g, v)


def put_epsilon_outside(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Add RMSprop's epsilon to the root, as PyTorch does."""
    assert isinstance(problem.optimizer, RMSprop)
    _, v = oracle.update_parameter(problem, w, g, v)
    return w - problem.optimizer.learning_rate * g / (np.sqrt(v) + problem.optimizer.epsilon), v


class Mistake(NamedTuple):
    """A mistake in the order or in the step. description: follows "as if".

    reorder: the samples that are really taken, from an order and the batch size.
    """

    description: str
    reorder: Callable[[Order, int], Order] = lambda order, _: order
    update: Callable[[Problem, Array, Array, Array], tuple[Array, Array]] = oracle.update_parameter


MISTAKES = (
    Mistake("it hands back the weights that it was given", lambda order, _: order[:0]),
    Mistake("it adds up the loss of a batch instead of averaging it", update=sum_the_loss),
    Mistake("it leaves out the bias", update=leave_out_the_bias),
    Mistake(
        "it ignores the order and takes the samples in stored order",
        lambda order, _: np.sort(order),
    ),
    Mistake(
        "it takes the last batch first", lambda order, size: order.reshape(-1, size)[::-1].ravel()
    ),
    Mistake("it skips the first batch", lambda order, size: order[size:]),
    Mistake("it skips the last batch", lambda order, size: order[:-size]),
    Mistake("its RMSprop has epsilon outside the root, as PyTorch's", update=put_epsilon_outside),
)


def name_mistake(
    params: Params, problem: Problem, initial: Params, order: Order, objective: Objective
) -> str | None:
    """Return the mistake that gives these params after the first epoch, or None."""
    if objective != "softmax":
        return None
    for mistake in MISTAKES:
        if mistake.update is put_epsilon_outside and not isinstance(problem.optimizer, RMSprop):
            continue
        taken = mistake.reorder(order, problem.batch_size)
        state = oracle.train_epoch(problem, oracle.start(initial), taken, update=mistake.update)
        wrong = state.solution
        moved = max(np.abs(part - start).max() for part, start in zip(wrong, initial, strict=True))
        same = all(np.array_equal(a, b) for a, b in zip(params, wrong, strict=True))
        if same or (moved > 0 and oracle.parity_error(params, wrong, initial) <= NEAR):
            return mistake.description
    return None
