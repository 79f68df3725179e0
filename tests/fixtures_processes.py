"""Command lines that run beside the test, and how they are caught in the middle."""

import signal

import pytest

# Trains as NumPy does, but waits for ever as long as there is a file named "hang" beside it.
WAITS = """
import signal
from pathlib import Path
from implementations import softmax_numpy
HERE = Path(__file__).parent
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        if (HERE / "hang").exists():
            (HERE / "hangs").touch()
            signal.pause()
        return super().train_epoch(order)
"""


def until(condition):
    """Wait until something has happened, a minute at most."""
    for _ in range(1200):
        if condition():
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("it did not happen within a minute")
