"""Softmax regression in TensorFlow, with the step of softmax_tensorflow.py in a compiled loop.

Follows https://www.tensorflow.org/guide/function#loops and, for the compiler,
https://www.tensorflow.org/xla/tf2xla/tutorials/jit_compile. The step is the same; the loop runs in
compiled code, so that Python is called once per epoch.
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
            self.images = tf.constant(problem.images)
            # int64, because TensorFlow keeps int32 in host memory on every device.
            self.labels = tf.constant(problem.labels, tf.int64)
            shapes = ((problem.features, problem.classes), (problem.classes,))
            self.params = [tf.Variable(tf.zeros(shape)) for shape in shapes]
            self.squares = [tf.Variable(tf.zeros(shape)) for shape in shapes]

    def reset(self, params: Params) -> None:
        for ours, theirs in zip(self.params, params, strict=True):
            ours.assign(theirs)
        for square in self.squares:
            square.assign(tf.zeros_like(square))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        with tf.device(self.device):
            self.epoch(tf.constant(order.reshape(self.problem.steps, self.problem.batch_size)))
        # Copies, because on the CPU TensorFlow returns the memory that it trains in.
        return Params(*(np.array(part.numpy(), copy=True) for part in self.params))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with tf.device(self.device):
            return self.label(tf.constant(images)).numpy()

    @tf.function(jit_compile=True)
    def epoch(self, batches: tf.Tensor) -> None:
        """Update the params once per row of ``batches``."""
        for batch in batches:
            self.step(batch)

    def step(self, batch: tf.Tensor) -> None:
        """Update the params on the samples of ``batch``."""
        images, labels = tf.gather(self.images, batch), tf.gather(self.labels, batch)
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

    @tf.function
    def label(self, images: tf.Tensor) -> tf.Tensor:
        """Return the class with the largest logit."""
        return tf.argmax(self.forward(images), axis=1)

    def forward(self, images: tf.Tensor) -> tf.Tensor:
        """Return the logits (samples, classes) of the images."""
        weight, bias = self.params
        return tf.matmul(images, weight) + bias
