"""Softmax regression in Equinox, with the low-overhead training loop of its page of tricks.

Follows https://docs.kidger.site/equinox/tricks/#low-overhead-training-loops: the step takes and
returns the leaves of model and state, so that no call takes them apart and puts them together. All
else is softmax_equinox.py.
"""

import equinox as eqx
import jax
import numpy as np
import optax
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.jax import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        self.data = jax.device_put((problem.images, problem.labels), self.device)
        self.optimizer = make_optimizer(problem.optimizer)
        with jax.default_device(self.device):
            self.model = eqx.nn.Linear(problem.features, problem.classes, key=jax.random.key(0))

    def reset(self, params: Params) -> None:
        # Its weight has a row for each class. No alias, because a CPU device may borrow NumPy's
        # memory.
        parts = jax.device_put((params.weight.T, params.bias), self.device, may_alias=False)
        self.model = eqx.tree_at(lambda model: (model.weight, model.bias), self.model, parts)
        self.state = self.optimizer.init(eqx.filter(self.model, eqx.is_array))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        leaves, tree = jax.tree.flatten((self.model, self.state))
        for batch in batches:
            leaves = step(leaves, tree, self.optimizer, self.data, batch)
        self.model, self.state = jax.tree.unflatten(tree, leaves)
        weight, bias = np.asarray(self.model.weight), np.asarray(self.model.bias)
        return Params(np.array(weight.T, order="C", copy=True), np.array(bias, copy=True))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.array(label(self.model, jax.device_put(images, self.device)), np.int64)


@eqx.filter_jit
def step(
    leaves: list[jax.Array],
    tree: jax.tree_util.PyTreeDef,
    optimizer: optax.GradientTransformation,
    data: tuple[jax.Array, jax.Array],
    batch: jax.Array,
) -> list[jax.Array]:
    """Return the leaves of model and optimizer's state after one update on ``batch``."""
    model, state = jax.tree.unflatten(tree, leaves)
    images, labels = data
    gradient = eqx.filter_grad(loss)(model, images[batch], labels[batch])
    updates, state = optimizer.update(gradient, state, eqx.filter(model, eqx.is_array))
    return jax.tree.leaves((eqx.apply_updates(model, updates), state))


def loss(model: eqx.nn.Linear, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of a batch."""
    logits = jax.vmap(model)(images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@eqx.filter_jit
def label(model: eqx.nn.Linear, images: jax.Array) -> jax.Array:
    """Return the class with the largest logit."""
    return jax.vmap(model)(images).argmax(axis=1)


def make_optimizer(optimizer: Optimizer) -> optax.GradientTransformation:
    """Return the optimizer of the problem. Optax's RMSprop has epsilon inside the root, too."""
    if isinstance(optimizer, SGD):
        return optax.sgd(optimizer.learning_rate)
    return optax.rmsprop(optimizer.learning_rate, decay=optimizer.rho, eps=optimizer.epsilon)
