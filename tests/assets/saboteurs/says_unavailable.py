"""Finds that this machine cannot do what was asked, in two lines."""

from bench.contract import Unavailable
from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        raise Unavailable("no abacus\nin this machine")
