"""What TensorFlow can do: products of matrices and sums over the data."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import Device, Unavailable


class Probe:
    def __init__(self, matrix: NDArray[np.float32], device: Device) -> None:
        self.device = find(device)
        with tf.device(self.device):
            self.matrix = tf.constant(matrix)
            self.numbers = tf.Variable(tf.zeros(10))

    def multiply(self) -> float:
        with tf.device(self.device):
            return float(tf.matmul(self.matrix, self.matrix)[0, 0])

    def place(self, images: NDArray[np.float32]) -> None:
        with tf.device(self.device):
            self.images = tf.constant(images)

    def read(self) -> float:
        with tf.device(self.device):
            return float(tf.reduce_sum(self.images))

    def steps(self, count: int) -> float:
        with tf.device(self.device):
            for _ in range(count):
                self.numbers.assign_add(tf.ones(10))
            return float(self.numbers[0])


def find(device: Device) -> str:
    """TensorFlow's name of the device; asked for in vain, it would fall back in silence."""
    if not tf.config.list_physical_devices(device.upper()):
        raise Unavailable(f"TensorFlow finds no {device.upper()}")
    return f"/{device.upper()}:0"
