"""Says that it cannot train in later processes, as it could in slow ones: a way for each."""

from pathlib import Path

from bench.contract import Unavailable
from implementations.idiomatic import softmax_numpy

SEEN = Path(__file__).with_suffix(".seen")
NUMBER = len(SEEN.read_text()) if SEEN.exists() else 0


class Trainer(softmax_numpy.Trainer):
    def reset(self, initial):
        SEEN.write_text("." * (NUMBER + 1))
        if NUMBER:
            raise (MemoryError, Unavailable("no luck today"))[NUMBER - 1]
        super().reset(initial)
