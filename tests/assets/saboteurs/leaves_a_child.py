"""Forks a process that outlives it; its number is left in the current folder."""

import os
from pathlib import Path

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        child = os.fork()
        if child == 0:
            os.execlp("sleep", "sleep", "60")
        Path("child").write_text(str(child))
