"""The loop that anyone would write round an implementation, in a process of its own.

Usage: ``python bare_loop.py MODULE FOLDER EPOCHS``; prints the seconds of each epoch as JSON. Of
the suite it takes the contract and the implementation, nothing that measures.
"""

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter_ns  # noqa: TID251 - it stands for a program without the suite

import numpy as np

from bench.contract import SGD, Params, Problem

module, folder, epochs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
images = np.load(folder / "train_images.npy", mmap_mode="c")
images.max()  # every page is in memory
images = np.asarray(images)
problem = Problem(images, np.load(folder / "train_labels.npy"), 10, 32, SGD(0.05))
trainer = importlib.import_module(f"implementations.{module}").Trainer(problem, "cpu")
zeros = Params(np.zeros((images.shape[1], 10), np.float32), np.zeros(10, np.float32))
orders = [
    np.random.default_rng([42, epoch]).permutation(len(images)) for epoch in range(epochs + 1)
]
trainer.reset(zeros)
trainer.train_epoch(orders[0])
seconds = []
for order in orders[1:]:
    trainer.reset(zeros)  # as a trial's timed epochs begin
    start = perf_counter_ns()
    trainer.train_epoch(order)
    seconds.append((perf_counter_ns() - start) / 1e9)
print(json.dumps(seconds))
