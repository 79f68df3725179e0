"""Softmax regression in TensorFlow, with an epoch as one function compiled by XLA.

Follows https://www.tensorflow.org/guide/function#loops: the loop runs on the device, and Python is
called once per epoch. The weight has a row for each class: both products then run along the pixels,
which are contiguous in memory.
"""

import sys

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import SGD, Device, Params, Problem, Unavailable
from implementations._devices.tensorflow import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        if device == "gpu" and sys.platform == "darwin":
            raise Unavailable("TensorFlow's XLA cannot compile for Apple's GPUs")
        with tf.device(self.device):
            self.images = tf.constant(pack(problem.images))
            # int64 on a GPU, because TensorFlow keeps int32 in host memory on every device.
            self.labels = tf.constant(problem.labels, tf.int64 if device == "gpu" else tf.int32)
            shapes = ((problem.classes, problem.features), (problem.classes,))
            self.params = [tf.Variable(tf.zeros(shape)) for shape in shapes]
            self.squares = [tf.Variable(tf.zeros(shape)) for shape in shapes]

    def reset(self, params: Params) -> None:
        for ours, theirs in zip(self.params, params, strict=True):
            ours.assign(theirs.T)
        for square in self.squares:
            square.assign(tf.zeros_like(square))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        with tf.device(self.device):
            self.epoch(tf.constant(order.reshape(self.problem.steps, self.problem.batch_size)))
        return Params(*(np.array(part.numpy().T, order="C", copy=True) for part in self.params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with tf.device(self.device):
            return self.label(tf.constant(images)).numpy()

    @tf.function(jit_compile=True)
    def epoch(self, batches: tf.Tensor) -> None:
        labels = tf.gather(self.labels, batches)
        for step in tf.range(self.problem.steps):
            images, scale = unpack(tf.gather(self.images, batches[step]))
            self.update(images, scale, labels[step])

    @tf.function(jit_compile=True)
    def label(self, images: tf.Tensor) -> tf.Tensor:
        return tf.argmax(self.forward(images), axis=0)

    def forward(self, images: tf.Tensor, scale: float = 1.0) -> tf.Tensor:
        """Return the logits (classes, samples) of the images."""
        weight, bias = self.params
        return scale * tf.matmul(weight, images, transpose_b=True) + bias[:, tf.newaxis]

    def update(self, images: tf.Tensor, scale: float, labels: tf.Tensor) -> None:
        classes = tf.range(self.problem.classes, dtype=labels.dtype)[:, tf.newaxis]
        with tf.GradientTape() as tape:
            logits = self.forward(images, scale)
            # Use where() because the gradient of indexing is a scatter, which is sequential.
            chosen = tf.reduce_sum(tf.where(labels == classes, logits, 0.0), axis=0)
            loss = tf.reduce_mean(tf.reduce_logsumexp(logits, axis=0) - chosen)
        optimizer = self.problem.optimizer
        gradient = tape.gradient(loss, self.params)
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            if isinstance(optimizer, SGD):
                w.assign_sub(optimizer.learning_rate * g)
            else:
                v.assign(optimizer.rho * v + (1 - optimizer.rho) * g * g)
                w.assign_sub(optimizer.learning_rate * g / tf.sqrt(v + optimizer.epsilon))


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
