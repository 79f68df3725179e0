"""Time epochs of an implementation, and in them the indexing of its images.

Usage: ``python copied_images.py MODULE FOLDER EPOCHS``; prints the seconds of each epoch, and those
of indexing, as JSON.
"""

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter_ns  # noqa: TID251 - it looks into an epoch, as the suite cannot

import numpy as np

from bench.contract import SGD, Params, Problem


class Images(np.ndarray):
    """Images that count the nanoseconds in which they are indexed."""

    nanoseconds = 0

    def __getitem__(self, index):
        start = perf_counter_ns()
        selected = np.asarray(self)[index]
        Images.nanoseconds += perf_counter_ns() - start
        return selected


module, folder, epochs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
images = np.array(np.load(folder / "train_images.npy"))
problem = Problem(images.view(Images), np.load(folder / "train_labels.npy"), 10, 32, SGD(0.05))
trainer = importlib.import_module(f"implementations.{module}").Trainer(problem, "cpu")
trainer.reset(Params(np.zeros((images.shape[1], 10), np.float32), np.zeros(10, np.float32)))
pairs = []
for epoch in range(epochs + 1):
    order = np.random.default_rng([42, epoch]).permutation(len(images))
    Images.nanoseconds, start = 0, perf_counter_ns()
    trainer.train_epoch(order)
    pairs.append(((perf_counter_ns() - start) / 1e9, Images.nanoseconds / 1e9))
print(json.dumps(pairs[1:]))  # the first epoch compiles
