"""Softmax regression in Keras on TensorFlow, the steps of an epoch in one compiled execution.

Follows https://keras.io/api/models/model_training_apis/#compile-method (``steps_per_execution``,
``jit_compile``) and https://www.tensorflow.org/guide/data_performance for the pipeline that feeds
it.
"""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.contract import SGD, Device, Optimizer, Params, Problem, Unavailable


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem = problem
        self.device = find(device)
        with tf.device("CPU"):
            # One pipeline for all epochs, reading the order from a variable: nothing is retraced.
            self.order = tf.Variable(tf.zeros((problem.steps, problem.batch_size), tf.int64))
            images, labels = tf.constant(problem.images), tf.constant(problem.labels)
            self.dataset = (
                tf.data.Dataset.range(problem.steps)
                .map(
                    lambda step: (
                        tf.gather(images, self.order[step]),
                        tf.gather(labels, self.order[step]),
                    ),
                    num_parallel_calls=tf.data.AUTOTUNE,
                    deterministic=True,
                )
                .prefetch(tf.data.AUTOTUNE)
            )
        with keras.device(self.device):
            self.model = keras.Sequential(
                [keras.Input((problem.features,)), keras.layers.Dense(problem.classes)]
            )
            self.model.compile(
                optimizer=make_optimizer(problem.optimizer),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                steps_per_execution=problem.steps,
                jit_compile=True,
            )
            self.model.optimizer.build(self.model.trainable_variables)

    def reset(self, params: Params) -> None:
        with keras.device(self.device):
            self.model.set_weights(params)
            for variable in self.model.optimizer.variables:
                if variable is not self.model.optimizer.learning_rate:
                    variable.assign(np.zeros(variable.shape, variable.dtype))

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        self.order.assign(order.reshape(self.order.shape))
        with keras.device(self.device):
            self.model.fit(self.dataset, shuffle=False, verbose=0)
            # Copies, because TensorFlow lends the memory that it trains in.
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
    """TensorFlow's name of the device; asked for in vain, it would fall back in silence."""
    if not tf.config.list_physical_devices(device.upper()):
        raise Unavailable(f"TensorFlow finds no {device.upper()}")
    return f"/{device.upper()}:0"
