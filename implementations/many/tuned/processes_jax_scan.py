"""Softmax regression of several models in JAX, one by one, in one process a core.

Follows https://scikit-learn.org/stable/computing/parallelism.html, which advises one process a core
with one thread each. The program of one model is ../../tuned/softmax_jax_scan.py. Its pixels stay
bytes (uint8); its learning rate is an argument here, so that it is compiled once for all models.
"""

import jax
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem
from implementations.many._processes import Processes, serve
from implementations.tuned import softmax_jax_scan


class Trainer(Processes):
    def __init__(self, problem: Problem, device: Device) -> None:
        super().__init__(problem, device, "implementations.many.tuned.processes_jax_scan")


class OneByOne:
    """The models of one process."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.trainer = softmax_jax_scan.Trainer(problem, "cpu")
        self.epoch = jax.jit(epoch, donate_argnums=0)

    def reset(self, params: Params) -> None:
        self.states = []
        for one in map(Params, *params):
            self.trainer.reset(one)
            self.states.append(self.trainer.state)

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        rates, data = self.problem.models, self.trainer.data
        pairs = zip(self.states, () if rates is None else rates, strict=True)
        self.states = [self.epoch(state, rate, data, batches) for state, rate in pairs]
        weights, biases = zip(*(params for params, _ in self.states), strict=True)
        return Params(np.stack(weights).transpose(0, 2, 1).copy(), np.stack(biases))


def epoch(
    state: softmax_jax_scan.State,
    rate: jax.Array,
    data: tuple[jax.Array, jax.Array],
    batches: jax.Array,
) -> softmax_jax_scan.State:
    """Return one model after one update per row of ``batches``."""
    return softmax_jax_scan.epoch(SGD(rate), state, data, batches)


if __name__ == "__main__":
    serve(OneByOne)
