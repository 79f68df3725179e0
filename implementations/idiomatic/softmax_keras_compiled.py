"""Softmax regression in Keras, with jit_compile or steps_per_execution in compile().

Follows https://keras.io/api/models/model_training_apis/#compile-method: ``jit_compile`` on PyTorch,
which Keras compiles only when it is asked to, and ``steps_per_execution`` on TensorFlow and JAX,
whose steps are compiled by default. All else is softmax_keras.py.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem
from implementations._devices.keras import find_device

OPTIONS: dict[str, dict[str, Any]] = {
    "torch": {"jit_compile": True},
    "tensorflow": {"steps_per_execution": 50},
    "jax": {"steps_per_execution": 50},
}


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find_device(device)
        with keras.device(self.device):
            self.model = keras.Sequential(
                [keras.Input((problem.features,)), keras.layers.Dense(problem.classes)]
            )
            self.model.compile(
                optimizer=make_optimizer(problem.optimizer),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                **OPTIONS[keras.backend.backend()],
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
            # Copies, because some backends return the memory that they train in.
            return Params(*(np.array(part, copy=True) for part in self.model.get_weights()))

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        with keras.device(self.device):
            return self.model.predict(images, batch_size=len(images), verbose=0).argmax(axis=1)


def make_optimizer(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer of the problem, whose formulas are those of Keras."""
    if isinstance(optimizer, SGD):
        return keras.optimizers.SGD(optimizer.learning_rate)
    return keras.optimizers.RMSprop(
        optimizer.learning_rate, rho=optimizer.rho, epsilon=optimizer.epsilon
    )
