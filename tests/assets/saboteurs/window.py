"""Hands back a window on memory that is not NumPy's."""

from bench.contract import Params
from implementations.idiomatic import softmax_numpy


class Buffer:
    """An array of some framework."""

    def __init__(self, array):
        self.kept = array.copy()
        self.__array_interface__ = self.kept.__array_interface__


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        weight, bias = super().train_epoch(order)
        return Params(softmax_numpy.np.asarray(Buffer(weight)), bias)
