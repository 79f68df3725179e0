"""Softmax regression of several models in Keras as one layer, on the backend of KERAS_BACKEND.

Follows https://keras.io/guides/training_with_built_in_methods/, with a loss of its own. The layer
has the classes of all models. The loss is the sum of theirs, each times its learning rate.

It is the same mathematics: the loss of a model depends on its own weights only. So the gradient of
the sum by these weights is the model's learning rate times the gradient of its own loss, and a step
of SGD with the learning rate 1 is the step of each model with its own.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from bench.contract import Device, Params, Problem, Unavailable
from implementations._devices.keras import find_device


class Trainer:
    def __init__(self, problem: Problem, device: Device) -> None:
        if problem.models is None:
            raise Unavailable("it trains several models")
        self.problem = problem
        self.device = find_device(device)
        self.shape = len(problem.models), problem.classes
        with keras.device(self.device):
            self.model = keras.Sequential(
                [
                    keras.Input((problem.features,)),
                    keras.layers.Dense(len(problem.models) * problem.classes),
                    keras.layers.Reshape(self.shape),
                ]
            )
            self.model.compile(optimizer=keras.optimizers.SGD(1.0), loss=make_loss(problem.models))
            self.model.optimizer.build(self.model.trainable_variables)

    def reset(self, params: Params) -> None:
        weight = params.weight.transpose(1, 0, 2).reshape(self.problem.features, -1)
        with keras.device(self.device):
            self.model.set_weights([weight, params.bias.ravel()])

    def train_epoch(self, order: NDArray[np.int64]) -> Params:
        with keras.device(self.device):
            self.model.fit(
                self.problem.images[order],
                self.problem.labels[order],
                batch_size=self.problem.batch_size,
                shuffle=False,
                verbose=0,
            )
            weight, bias = self.model.get_weights()
        weight = weight.reshape(-1, *self.shape).transpose(1, 0, 2)
        return Params(np.array(weight, order="C"), np.array(bias).reshape(self.shape).copy())


def make_loss(rates: NDArray[np.float32]) -> Callable[..., object]:
    """Return a function of the labels and of the logits (samples, models, classes)."""

    def loss(labels: object, logits: object) -> object:
        """Return the sum over the models, for each sample; Keras takes the mean of it."""
        labels = ops.broadcast_to(ops.reshape(labels, (-1, 1)), ops.shape(logits)[:2])
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return ops.sum(losses * ops.convert_to_tensor(rates), axis=1)

    return loss
