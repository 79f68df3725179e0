"""Look into the epochs of an implementation, as the suite cannot.

Usage: ``python inside_epochs.py MODULE FOLDER EPOCHS FUNCTION``. Prints as JSON what the function
of this file returns.
"""

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter_ns, process_time_ns  # noqa: TID251 - see above

import numpy as np

from bench.contract import SGD, Params, Problem

SIDE = 2048  # of the matrices, as in the suite's probe of the roofline
PRODUCTS = 5  # before an epoch: the first one finds cold caches
BATCH = 32

MODULE, FOLDER, EPOCHS = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
IMAGES, LABELS = (np.array(np.load(FOLDER / f"train_{name}.npy")) for name in ("images", "labels"))
ZEROS = Params(np.zeros((IMAGES.shape[1], 10), np.float32), np.zeros(10, np.float32))


class CountingImages(np.ndarray):
    """Images that count the nanoseconds in which they are indexed."""

    nanoseconds = 0

    def __getitem__(self, index):
        start = perf_counter_ns()
        selected = np.asarray(self)[index]
        CountingImages.nanoseconds += perf_counter_ns() - start
        return selected


def make_trainer(images=IMAGES):
    problem = Problem(images, LABELS, 10, BATCH, SGD(0.05))
    trainer = importlib.import_module(f"implementations.{MODULE}").Trainer(problem, "cpu")
    trainer.reset(ZEROS)
    return trainer


def time(work):
    start = perf_counter_ns()
    work()
    return perf_counter_ns() - start


def time_copies():
    """Return the seconds of each epoch, and those of indexing its images."""
    trainer, pairs = make_trainer(IMAGES.view(CountingImages)), []
    for epoch in range(EPOCHS + 1):
        order = np.random.default_rng([42, epoch]).permutation(len(IMAGES))
        CountingImages.nanoseconds = 0
        taken = time(lambda order=order: trainer.train_epoch(order))
        pairs.append((taken / 1e9, CountingImages.nanoseconds / 1e9))
    return pairs[1:]  # the first epoch compiles


def time_fits():
    """Return seconds and CPU seconds of all epochs by the way in which Keras's fit is called."""
    import tensorflow as tf

    trainer, quiet = make_trainer(), {"verbose": 0, "shuffle": False}
    options = tf.data.Options()
    options.autotune.enabled = False
    untuned = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(BATCH)
    untuned = untuned.with_options(options)

    def fit(epochs):
        trainer.model.fit(IMAGES, LABELS, batch_size=BATCH, epochs=epochs, **quiet)

    ways = {
        "a fit an epoch": lambda: [fit(1) for _ in range(EPOCHS)],
        "one fit": lambda: fit(EPOCHS),
        "without the autotuner": lambda: trainer.model.fit(untuned, epochs=EPOCHS, verbose=0),
    }
    fit(1)  # compiles
    times = {}
    for name, way in ways.items():
        cpu = process_time_ns()
        times[name] = time(way) / 1e9, (process_time_ns() - cpu) / 1e9
    return times


def time_beside_products():
    """Return the nanoseconds of epochs in turn with NumPy's product of two large matrices.

    For an order at random and for batches that all have the same images: of each epoch, and the
    roofline of the same moment, which is what the fastest of the products just before takes for as
    many operations.
    """
    trainer = make_trainer()
    matrix = np.random.default_rng(42).random((SIDE, SIDE), np.float32)
    product = np.empty_like(matrix)
    operations = 4 * IMAGES.size * 10 / (2 * SIDE**3)  # of an epoch, in products
    orders = {
        "random": np.random.default_rng(42).permutation(len(IMAGES)),
        "same": np.arange(len(IMAGES)) % (2 * BATCH),
    }
    times = {name: [] for name in orders}
    for epoch in range(EPOCHS + 1):
        for name, order in orders.items():
            trainer.reset(ZEROS)
            least = operations * min(
                time(lambda: np.matmul(matrix, matrix, out=product)) for _ in range(PRODUCTS)
            )
            taken = time(lambda order=order: trainer.train_epoch(order))
            if epoch > 0:  # the first one compiles
                times[name].append((taken, least))
    return times


print(json.dumps(globals()[sys.argv[4]]()))
