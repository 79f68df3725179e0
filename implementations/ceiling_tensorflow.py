"""What TensorFlow can do: products of matrices and sums over the data."""

import sys

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import Device, Unavailable

XLA = sys.platform != "darwin"  # which compiles nothing for Apple's GPUs


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
            self.chain(count)
            return float(self.numbers[0])

    @tf.function(jit_compile=XLA)
    def chain(self, count: int) -> None:
        """Compiled, and of a fixed length, as the loops are that are measured against it."""
        for _ in tf.range(count):
            self.numbers.assign_add(tf.ones(10))


def find(device: Device) -> str:
    """TensorFlow's name of the device; asked for in vain, it would fall back in silence."""
    if not tf.config.list_physical_devices(device.upper()):
        cuda = tf.sysconfig.get_build_info().get("cuda_version")
        built = f"is built for CUDA {cuda}" if cuda else "is a build for the CPU alone"
        raise Unavailable(f"TensorFlow {tf.__version__} finds no {device.upper()}; it {built}")
    if device == "gpu":
        # On by default, and XLA's own kernels do not ask NVIDIA_TF32_OVERRIDE.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    return f"/{device.upper()}:0"
