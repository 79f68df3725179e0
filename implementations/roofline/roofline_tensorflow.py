"""Probe the machine with TensorFlow: matrix products, sums over the data, chains of steps."""

import sys

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import GROWTH, Device
from implementations._devices.tensorflow import find_device

XLA = sys.platform != "darwin"  # XLA cannot compile for Apple's GPUs


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find_device(device)
        with tf.device(self.device):
            self.matrix = tf.constant(matrix)
            self.numbers = tf.Variable(tf.ones(10))

    def multiply(self, times: int) -> NDArray[np.float32]:
        with tf.device(self.device):
            for _ in range(times):
                product = tf.matmul(self.matrix, self.matrix)
            return np.array(product[:8, :8])

    def place(self, images: NDArray[np.float32]) -> None:
        with tf.device(self.device):
            self.images = tf.constant(images)

    def read(self, times: int) -> float:
        with tf.device(self.device):
            for _ in range(times):
                result = tf.reduce_sum(self.images)
            return float(result)

    def steps(self, count: int) -> float:
        with tf.device(self.device):
            self.chain(count)
            return float(self.numbers[0])

    @tf.function(jit_compile=XLA)
    def chain(self, count: int) -> None:
        """Update the numbers ``count`` times, compiled with a fixed length like a tuned loop."""
        self.numbers.assign(tf.ones(10))
        for _ in tf.range(count):
            self.numbers.assign(self.numbers * GROWTH)
