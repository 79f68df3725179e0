"""Time epochs of ``fit`` in Keras on TensorFlow, and how long the process computes in them.

Usage: ``python waiting_fit.py MODULE FOLDER EPOCHS``; prints, by the way in which ``fit`` is
called, seconds and CPU seconds of all epochs, as JSON.
"""

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter, process_time  # noqa: TID251 - it calls what the suite does not

import numpy as np
import tensorflow as tf

from bench.contract import SGD, Params, Problem

module, folder, epochs = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
images, labels = (np.load(folder / f"train_{name}.npy") for name in ("images", "labels"))
trainer = importlib.import_module(f"implementations.{module}").Trainer(
    Problem(images, labels, 10, 32, SGD(0.05)), "cpu"
)
trainer.reset(Params(np.zeros((images.shape[1], 10), np.float32), np.zeros(10, np.float32)))
quiet = {"verbose": 0, "shuffle": False}
options = tf.data.Options()
options.autotune.enabled = False
untuned = tf.data.Dataset.from_tensor_slices((images, labels)).batch(32).with_options(options)


def fit_once_an_epoch():
    for _ in range(epochs):
        trainer.model.fit(images, labels, batch_size=32, **quiet)


ways = {
    "a fit an epoch": fit_once_an_epoch,
    "one fit": lambda: trainer.model.fit(images, labels, batch_size=32, epochs=epochs, **quiet),
    "without the autotuner": lambda: trainer.model.fit(untuned, epochs=epochs, verbose=0),
}
trainer.model.fit(images, labels, batch_size=32, **quiet)  # compiles
times = {}
for name, fit in ways.items():
    wall, cpu = perf_counter(), process_time()
    fit()
    times[name] = perf_counter() - wall, process_time() - cpu
print(json.dumps(times))
