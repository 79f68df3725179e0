"""Name common mistakes: train one epoch with each, and compare it with a wrong result."""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.contract import Objective, Params, Problem, RMSprop
from bench.runner.parity import oracle
from bench.runner.parity.oracle import Array

# A mistake that explains a result is as near to it as float32 is to the oracle. The limit leaves
# room for half precision; two different mistakes are farther apart.
NEAR = 1e-4
# Of a fitted learning rate: the steps of the fit, and what it may leave of the difference if the
# rate is the same in all steps, and if it falls: not every schedule is exponential. FALLING is the
# logarithm of the least fall.
FITS, LEFT, LEFT_OF_FALLING, FALLING = 4, 0.01, 0.15, -0.04

Order = NDArray[np.int64]


def sum_the_loss(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Step along the gradient of a batch's sum instead of its mean."""
    return oracle.update_parameter(problem, w, problem.batch_size * g, v)


def leave_out_the_bias(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Update the weight only."""
    return (w, v) if w.ndim == 1 else oracle.update_parameter(problem, w, g, v)


def put_epsilon_outside(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Add RMSprop's epsilon to the root, as PyTorch does; a step of SGD is as it should be."""
    right, v = oracle.update_parameter(problem, w, g, v)
    if not isinstance(problem.optimizer, RMSprop):
        return right, v
    return w - problem.optimizer.learning_rate * g / (np.sqrt(v) + problem.optimizer.epsilon), v


def use_the_last_gradient(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """Step along the gradient of the batch before, which is kept beside the mean squares."""
    v, late = v if v.ndim > w.ndim else (v, 0 * v)
    w, v = oracle.update_parameter(problem, w, late, v)
    return w, np.stack([v, g])


class Mistake(NamedTuple):
    """A mistake in the order or in the step. description: follows "as if".

    reorder: the samples that are really taken, from an order and the batch size.
    """

    description: str
    reorder: Callable[[Order, int], Order] = lambda order, _: order
    update: Callable[[Problem, Array, Array, Array], tuple[Array, Array]] = oracle.update_parameter
    smoothing: float = 0.0


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
    Mistake("it takes every n-th sample", lambda order, size: order.reshape(size, -1).T.ravel()),
    Mistake("each of its gradients is one step late", update=use_the_last_gradient),
    Mistake("it smooths the labels by 0.1", smoothing=0.1),
    Mistake("its RMSprop has epsilon outside the root, as PyTorch's", update=put_epsilon_outside),
)


def name_mistake(
    params: Params, problem: Problem, initial: Params, order: Order, objective: Objective
) -> str | None:
    """Return the mistake that gives these params after the first epoch, or None."""
    if objective != "softmax":
        return None
    right = oracle.train_epoch(problem, oracle.start(initial), order).solution
    # In one batch of all samples no order is a mistake.
    near = min(NEAR, oracle.parity_error(params, right, initial) / 2)
    for mistake in MISTAKES:
        taken = mistake.reorder(order, problem.batch_size)
        begin, smoothing = oracle.start(initial), mistake.smoothing
        wrong = oracle.train_epoch(
            problem, begin, taken, update=mistake.update, smoothing=smoothing
        ).solution
        moved = max(np.abs(part - start).max() for part, start in zip(wrong, initial, strict=True))
        same = all(np.array_equal(a, b) for a, b in zip(params, wrong, strict=True))
        if same or (moved > 0 and oracle.parity_error(params, wrong, initial) <= near):
            return mistake.description
    return _name_by_fit(params, problem, initial, order)


def _name_by_fit(params: Params, problem: Problem, initial: Params, order: Order) -> str | None:
    """Name a learning rate that is wrong or falls within the epoch, or another order, or None."""

    def train(first: float, change: float, taken: Order = order) -> Array:
        """Return the params with a rate whose logarithm is off by ``first``, and then changes."""
        turns, steps = count(), len(order) // problem.batch_size

        def update(problem: Problem, w: Array, g: Array, v: Array) -> tuple[Array, Array]:
            moved, v = oracle.update_parameter(problem, w, g, v)
            share = next(turns) // 2 / steps  # weight and bias take turns
            return w + np.exp(first + change * share) * (moved - w), v

        state = oracle.train_epoch(problem, oracle.start(initial), taken, update=update)
        return oracle.flatten(state.solution)

    start, target, right = oracle.flatten(initial), oracle.flatten(params), train(0, 0)
    norm = np.linalg.norm
    fitted = np.array([np.log(norm(target - start) / norm(right - start)), 0])
    for _ in range(FITS):  # Gauss and Newton's method
        end = train(*fitted)
        slopes = [(train(*(fitted + step)) - end) / NEAR for step in NEAR * np.eye(2)]
        step = np.linalg.lstsq(np.transpose(slopes), target - end)[0]
        fitted = np.clip(fitted + step, -10, 3)
    off, rate = target - right, np.exp(fitted[0])
    left = norm(target - end) / min(norm(off), norm(target - start))
    if left <= LEFT_OF_FALLING and fitted[1] <= FALLING and abs(fitted[0]) < 0.5:
        return f"its learning rate falls within the epoch, by about {-np.expm1(fitted[1]):.0%}"
    if left <= LEFT and abs(fitted[1]) <= -FALLING / 2:
        divisor = problem.batch_size / rate
        whole = abs(divisor - round(divisor)) < LEFT and round(divisor) != problem.batch_size
        why = f", or it divides by {divisor:.0f} in place of the batch size" if whole else ""
        return f"its learning rate is {rate:.6g} times the right one{why}"
    way = right - start
    apart = norm(train(0, 0, np.random.default_rng(0).permutation(order)) - right)
    # Other orders end as far away, and neither farther along the way nor less far.
    if 0.7 * apart < norm(off) < 1.6 * apart and abs(off @ way) < 0.3 * norm(off) * norm(way):
        return "it takes the samples in another order"
    return None
