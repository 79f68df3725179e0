"""Softmax regression in Keras, on whichever backend KERAS_BACKEND names.

Follows https://keras.io/guides/training_with_built_in_methods/: compile, fit and predict, with the
loss on logits (on probabilities, two of the three backends clip them and lose the gradient).
"""

from textwrap import shorten

import keras
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find(device)
        with keras.device(self.device):
            self.model = keras.Sequential(
                [keras.Input((problem.features,)), keras.layers.Dense(problem.classes)]
            )
            self.model.compile(
                optimizer=make_optimizer(problem.optimizer),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
            self.model.optimizer.build(self.model.trainable_variables)

    def reset(self, params: Params) -> None:
        with keras.device(self.device):
            self.model.set_weights(params)
            for variable in self.model.optimizer.variables:
                if variable is not self.model.optimizer.learning_rate:
                    variable.assign(np.zeros(variable.shape, variable.dtype))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        with keras.device(self.device):
            self.model.fit(
                self.problem.images[order],
                self.problem.labels[order],
                batch_size=self.problem.batch_size,
                shuffle=False,
                verbose=0,
            )
            # Copies, because some backends lend the memory that they train in.
            return Params(*(np.array(part, copy=True) for part in self.model.get_weights()))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with keras.device(self.device):
            return self.model.predict(images, batch_size=len(images), verbose=0).argmax(axis=1)


def make_optimizer(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer of the problem, whose formulas are Keras's own."""
    if isinstance(optimizer, SGD):
        return keras.optimizers.SGD(optimizer.learning_rate)
    return keras.optimizers.RMSprop(
        optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon
    )


def find(device: Device) -> str:
    """Keras's name of the device; a tensor shows that it is there, as TensorFlow never objects."""
    backend = keras.backend.backend()
    name = accelerator() if (device, backend) == ("gpu", "torch") else device
    try:
        with keras.device(name):
            place = str(keras.ops.zeros(1).device).lower()
    except (AssertionError, RuntimeError, ValueError) as error:
        if "out of memory" in str(error):  # there is one, and it is full
            raise
        said = shorten(str(error), 150, placeholder=" ...")
        raise Unavailable(f"Keras finds no {device.upper()} with {backend}: {said}") from error
    if (device, backend) == ("gpu", "tensorflow"):
        use_tensorflow(found="cpu" not in place)
    # Without ":0", which PyTorch takes for another device than its tensors', losing the gradients.
    return name


def accelerator() -> str:
    """What Keras takes by itself on PyTorch, which may be Apple's; "gpu" is CUDA's to it."""
    own = str(keras.ops.zeros(1).device.type)
    return "gpu" if own == "cpu" else own


def use_tensorflow(*, found: bool) -> None:
    """Have TensorFlow compute in full float32; raise Unavailable where it found no GPU."""
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    if not found:
        cuda = tf.sysconfig.get_build_info().get("cuda_version")
        built = f"is built for CUDA {cuda}" if cuda else "is a build for the CPU alone"
        raise Unavailable(f"TensorFlow {tf.__version__} finds no GPU; it {built}")
    # On by default, and XLA's own kernels do not ask NVIDIA_TF32_OVERRIDE.
    tf.config.experimental.enable_tensor_float_32_execution(False)
