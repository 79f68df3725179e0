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

# 1 / 255 as the sum of two float32: XLA replaces the division by a product, which rounds twice.
HIGH = np.float32(1 / 255)
LOW = np.float32(1 / 255 - float(HIGH))


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        if device == "gpu" and sys.platform == "darwin":
            raise Unavailable("TensorFlow's XLA cannot compile for Apple's GPUs")
        with tf.device(self.device):
            self.images = tf.constant(problem.images)
            # int64 on a GPU, because TensorFlow keeps int32 in host memory on every device.
            self.labels = tf.constant(problem.labels, tf.int64 if device == "gpu" else tf.int32)
            packed = tf.constant(pack(problem.images))
            if self.restores(packed, self.images):
                self.images = packed
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
        for step in tf.range(self.problem.steps):
            batch = batches[step]
            self.update(unpack(tf.gather(self.images, batch)), tf.gather(self.labels, batch))

    @tf.function(jit_compile=True)
    def label(self, images: tf.Tensor) -> tf.Tensor:
        return tf.argmax(self.forward(images), axis=1)

    @tf.function(jit_compile=True)
    def restores(self, packed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        return tf.reduce_all(unpack(packed) == images)

    def forward(self, images: tf.Tensor) -> tf.Tensor:
        weight, bias = self.params
        # XLA is faster at products of shape (classes, samples).
        return tf.transpose(tf.matmul(weight, images, transpose_b=True)) + bias

    def update(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, self.forward(images))
            loss = tf.reduce_mean(losses)
        optimizer = self.problem.optimizer
        gradient = tape.gradient(loss, self.params)
        for w, g, v in zip(self.params, gradient, self.squares, strict=True):
            if isinstance(optimizer, SGD):
                w.assign_sub(optimizer.learning_rate * g)
            else:
                v.assign(optimizer.rho * v + (1 - optimizer.rho) * g * g)
                w.assign_sub(optimizer.learning_rate * g / tf.sqrt(v + optimizer.epsilon))


def pack(images: NDArray[np.float32]) -> NDArray[np.uint32 | np.float32]:
    """Store pixels as bytes, four in a word because rows are gathered word by word."""
    if images.shape[1] % 4:
        return images
    return (images * 255 + 0.5).astype(np.uint8).view(np.uint32)


def unpack(rows: tf.Tensor) -> tf.Tensor:
    """Return float32 images of rows, which may be packed."""
    if rows.dtype == tf.float32:
        return rows
    pixels = tf.reshape(tf.bitcast(rows, tf.uint8), (rows.shape[0], -1))
    return tf.cast(pixels, tf.float32) * HIGH + tf.cast(pixels, tf.float32) * LOW
