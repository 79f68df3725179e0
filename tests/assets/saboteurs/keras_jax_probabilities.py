"""Keras on JAX with a loss on probabilities: it clips them, and the gradient with them."""

import os

os.environ["KERAS_BACKEND"] = "jax"
import keras

from implementations.idiomatic import softmax_keras


class Trainer(softmax_keras.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        self.model = keras.Sequential(
            [
                keras.layers.Input((problem.features,)),
                keras.layers.Dense(problem.classes, activation="softmax"),
            ]
        )
        self.model.compile(
            optimizer=softmax_keras.make_optimizer(problem.optimizer),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=False),
        )
        self.model.optimizer.build(self.model.trainable_variables)
