"""Softmax regression in Keras on TensorFlow, with an epoch as one compiled training step.

Follows https://keras.io/guides/custom_train_step_in_tensorflow/ and
https://keras.io/guides/making_new_layers_and_models_via_subclassing/: ``fit`` is given the order of
the samples as its single batch, and the training step loops over them on the device. Layer, loss
and optimizer are Keras's. The weight has a row for each class: both products then run along the
pixels, which are contiguous in memory.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable
from implementations._devices.tensorflow import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        if device == "gpu" and sys.platform == "darwin":
            raise Unavailable("TensorFlow's XLA cannot compile for Apple's GPUs")
        with keras.device(self.device):
            self.model = Model(problem, tf.int64 if device == "gpu" else tf.int32)
            self.model.compile(
                optimizer=make_optimizer(problem.optimizer),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=True,
            )
            self.model.optimizer.build(self.model.trainable_variables)

    def reset(self, params: Params) -> None:
        with keras.device(self.device):
            self.model.set_weights([part.T for part in params])
            for variable in self.model.optimizer.variables:
                if variable is not self.model.optimizer.learning_rate:
                    variable.assign(np.zeros(variable.shape, variable.dtype))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        # A dataset of one element, because fit takes 40 ms to convert an array. On the host, where
        # datasets live: otherwise the order would be copied to a GPU, back, and there again.
        with tf.device("CPU"):
            batches = tf.constant(order.reshape(self.problem.steps, self.problem.batch_size))
            dataset = tf.data.Dataset.from_tensors(batches)
        with keras.device(self.device):
            self.model.fit(dataset, shuffle=False, verbose=0)
            # Copies, because TensorFlow returns the memory that it trains in.
            weight, bias = self.model.get_weights()
            return Params(np.array(weight.T, order="C", copy=True), np.array(bias, copy=True))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with keras.device(self.device):
            return self.model.predict(images, batch_size=len(images), verbose=0).argmax(axis=1)


class Model(keras.Model):
    """A dense layer with a row for each class, trained on batches of the problem's images."""

    def __init__(self, problem: Problem, labels: tf.DType) -> None:
        super().__init__()
        self.images = tf.constant(pack(problem.images))
        # int64 on a GPU, because TensorFlow keeps int32 in host memory on every device.
        self.labels = tf.constant(problem.labels, labels)
        self.kernel = self.add_weight(shape=(problem.classes, problem.features))
        self.bias = self.add_weight(shape=(problem.classes,))
        self.built = True

    def call(self, images: tf.Tensor, scale: float = 1.0) -> tf.Tensor:
        # XLA is faster at products of shape (classes, samples).
        product = keras.ops.matmul(self.kernel, keras.ops.transpose(images))
        return keras.ops.transpose(scale * product) + self.bias

    def train_step(self, batches: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loss": self.epoch(batches)}

    @tf.function  # converts the loop, which Keras does not do
    def epoch(self, batches: tf.Tensor) -> tf.Tensor:
        total = 0.0
        labels = tf.gather(self.labels, batches)
        for step in tf.range(len(batches)):
            images, scale = unpack(tf.gather(self.images, batches[step]))
            with tf.GradientTape() as tape:
                logits = self(images, scale=scale, training=True)
                loss = self.compute_loss(y=labels[step], y_pred=logits)
            gradient = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradient, self.trainable_variables)
            total += loss
        return total / len(batches)


def pack(images: NDArray[np.float32]) -> NDArray[np.uint32 | np.float32]:
    """Store pixels as bytes if these, divided by 255, are the images.

    Four bytes are a word, because rows are gathered word by word.
    """
    pixels = (images * 255 + 0.5).astype(np.uint8)
    if images.shape[1] % 4 or not np.array_equal(pixels / np.float32(255), images):
        return images
    return pixels.view(np.uint32)


def unpack(rows: tf.Tensor) -> tuple[tf.Tensor, float]:
    """Return float32 pixels of rows, and the scale that makes images of them."""
    if rows.dtype == tf.float32:
        return rows, 1.0
    pixels = tf.reshape(tf.bitcast(rows, tf.uint8), (rows.shape[0], -1))
    return tf.cast(pixels, tf.float32), 1 / 255


def make_optimizer(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer of the problem, whose formulas are those of Keras."""
    if isinstance(optimizer, SGD):
        return keras.optimizers.SGD(optimizer.learning_rate)
    return keras.optimizers.RMSprop(
        optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon
    )
