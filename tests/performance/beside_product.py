"""Time epochs of an implementation in turn with NumPy's product of two large matrices.

Usage: ``python beside_product.py MODULE FOLDER EPOCHS``. Prints as JSON, for an order at random and
for batches that all have the same images, the nanoseconds of each epoch and the roofline of the
same moment: the nanoseconds that the fastest of the products just before takes for as many
operations.
"""

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter_ns  # noqa: TID251 - it stands for a program without the suite

import numpy as np

from bench.contract import SGD, Params, Problem

SIDE = 2048  # of the matrices, as in the suite's probe of the roofline
PRODUCTS = 5  # before an epoch: the first one finds cold caches
BATCH = 32

module, folder, epochs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
images = np.array(np.load(folder / "train_images.npy"))
problem = Problem(images, np.load(folder / "train_labels.npy"), 10, BATCH, SGD(0.05))
trainer = importlib.import_module(f"implementations.{module}").Trainer(problem, "cpu")
zeros = Params(np.zeros((images.shape[1], 10), np.float32), np.zeros(10, np.float32))
matrix = np.random.default_rng(42).random((SIDE, SIDE), np.float32)
product = np.empty_like(matrix)
operations = 4 * images.size * 10 / (2 * SIDE**3)  # of an epoch, in products
orders = {
    "random": np.random.default_rng(42).permutation(len(images)),
    "same": np.arange(len(images)) % (2 * BATCH),
}


def time(work):
    start = perf_counter_ns()
    work()
    return perf_counter_ns() - start


times = {name: [] for name in orders}
for epoch in range(epochs + 1):
    for name, order in orders.items():
        trainer.reset(zeros)
        least = operations * min(
            time(lambda: np.matmul(matrix, matrix, out=product)) for _ in range(PRODUCTS)
        )
        taken = time(lambda order=order: trainer.train_epoch(order))
        if epoch > 0:  # the first one compiles
            times[name].append((taken, least))
print(json.dumps(times))
