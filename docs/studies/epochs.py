"""Train one of our programs on random images: a command for ``bench gate`` on two releases.

``python docs/studies/epochs.py NAME`` needs NumPy and the framework of the program, nothing else.
"""

import importlib
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.contract import SGD, Params, Problem
from implementations import IMPLEMENTATIONS

SAMPLES, FEATURES, CLASSES, EPOCHS = 9_600, 784, 10, 5


def main(name: str) -> None:
    """Train for some epochs from zero weights, with one thread."""
    entry = next(entry for entry in IMPLEMENTATIONS if entry.name == name)
    os.environ.update(entry.variables)
    module = importlib.import_module(f"implementations.{entry.module}")
    numbers = np.random.default_rng(1)
    # Bytes over 255, as in the data: some programs keep them as bytes.
    images = numbers.integers(256, size=(SAMPLES, FEATURES)).astype(np.float32) / np.float32(255)
    labels = numbers.integers(CLASSES, size=SAMPLES, dtype=np.int32)
    trainer = module.Trainer(Problem(images, labels, CLASSES, 32, SGD(0.01)), "cpu")
    weight = np.zeros((FEATURES, CLASSES), dtype=np.float32)
    trainer.reset(Params(weight, np.zeros(CLASSES, dtype=np.float32)))
    for _ in range(EPOCHS):
        trainer.train_epoch(numbers.permutation(SAMPLES))


if __name__ == "__main__":
    main(*sys.argv[1:])
