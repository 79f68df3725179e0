"""Softmax regression in Keras on JAX, with an epoch as one compiled training step.

Follows https://keras.io/guides/custom_train_step_in_jax/: ``fit`` is given the order of the samples
as its single batch, and the training step scans it on the device. Layer, loss and optimizer are
Keras's. The weight has a row for each class: both products then run along the pixels, which are
contiguous in memory.
"""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.keras import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        with keras.device(self.device):
            self.model = Model(problem)
            # Without the loss, which fit() would try on the order as if that were images.
            self.model.compile(optimizer=make_optimizer(problem.optimizer))
            self.model.optimizer.build(self.model.trainable_variables)

    def reset(self, params: Params) -> None:
        with keras.device(self.device):
            for variable, part in zip(self.model.trainable_variables, params, strict=True):
                variable.assign(part.T)
            for variable in self.model.optimizer.variables:
                if variable is not self.model.optimizer.learning_rate:
                    variable.assign(np.zeros(variable.shape, variable.dtype))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # By default, JAX has no 64-bit integers.
        batches = order.astype(np.int32).reshape(self.problem.steps, self.problem.batch_size)
        with keras.device(self.device):
            self.model.fit(((batches,) for _ in range(1)), steps_per_epoch=1, verbose=0)
            # Copies, because JAX may return the memory that it trains in.
            weight, bias = map(np.asarray, self.model.trainable_variables)
            return Params(np.array(weight.T, order="C", copy=True), np.array(bias, copy=True))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with keras.device(self.device):
            return self.model.predict(images, batch_size=len(images), verbose=0).argmax(axis=1)


class Model(keras.Model):
    """A dense layer with a row for each class, trained on batches of the problem's images."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.kernel = self.add_weight(shape=(problem.classes, problem.features))
        self.bias = self.add_weight(shape=(problem.classes,))
        # As variables, because the compiled step would copy constants of this size.
        images = pack(problem.images)
        self.images = self.add_weight(
            shape=images.shape, dtype=images.dtype.name, initializer=give(images), trainable=False
        )
        self.labels = self.add_weight(
            shape=problem.labels.shape,
            dtype="int32",
            initializer=give(problem.labels),
            trainable=False,
        )
        self.cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.built = True

    def call(self, images: jax.Array, scale: float = 1.0) -> jax.Array:
        # XLA is faster at products of shape (classes, samples).
        product = keras.ops.matmul(self.kernel, keras.ops.transpose(images))
        return keras.ops.transpose(scale * product) + self.bias

    def compute_loss_of_batch(
        self, weights: Any, fixed: Any, images: jax.Array, labels: jax.Array
    ) -> jax.Array:
        """Return the mean cross-entropy of a batch; images as they are stored."""
        pixels, scale = unpack(images)
        logits, _ = self.stateless_call(weights, fixed, pixels, scale=scale)
        return self.cross_entropy(labels, logits)

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, jax.Array], Any]:
        weights, fixed, optimizer, metrics = state
        (batches,), (images, labels) = data, fixed

        def body(state: Any, batch: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
            rows, targets = batch
            weights, optimizer = state
            loss, gradient = jax.value_and_grad(self.compute_loss_of_batch)(
                weights, fixed, images[rows], targets
            )
            return self.optimizer.stateless_apply(optimizer, gradient, weights), loss

        (weights, optimizer), losses = jax.lax.scan(
            body, (weights, optimizer), (batches, labels[batches])
        )
        return {"loss": losses.mean()}, (weights, fixed, optimizer, metrics)


def give(array: NDArray[Any]) -> Any:
    """Return an initializer that gives an array."""
    return lambda _shape, dtype: keras.ops.convert_to_tensor(array, dtype)


def pack(images: NDArray[np.float32]) -> NDArray[np.uint32 | np.float32]:
    """Store pixels as bytes if these, divided by 255, are the images.

    Four bytes are a word, because rows are gathered word by word.
    """
    pixels = (images * 255 + 0.5).astype(np.uint8)
    if images.shape[1] % 4 or not np.array_equal(pixels / np.float32(255), images):
        return images
    return pixels.view(np.uint32)


def unpack(rows: jax.Array) -> tuple[jax.Array, float]:
    """Return float32 pixels of rows, and the scale that makes images of them."""
    if rows.dtype == jnp.float32:
        return rows, 1.0
    pixels = jax.lax.bitcast_convert_type(rows, jnp.uint8).reshape(len(rows), -1)
    return pixels.astype(jnp.float32), 1 / 255


def make_optimizer(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer of the problem, whose formulas are those of Keras."""
    if isinstance(optimizer, SGD):
        return keras.optimizers.SGD(optimizer.learning_rate)
    return keras.optimizers.RMSprop(
        optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon
    )
