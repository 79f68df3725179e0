"""Time the label of one image in Keras by ``predict``, by ``predict_on_batch`` and by a call.

``python docs/studies/labels.py measure ROUNDS FILE`` starts a new process for each backend and
round, on one core, and appends a line for each way of labelling: the median seconds of its calls.
``show FILE`` prints them as a table. Keras's ``predict`` says in its docstring that
it is not made for loops over small inputs, and advises to call the model.
"""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from random import SystemRandom
from statistics import median
from typing import Any

import numpy as np

from bench.analysis.intervals import Interval, estimate_typical
from bench.report.base import tables
from bench.report.render.markdown import render_table
from bench.runner.host.machine import describe
from bench.worker.machine import list_usable_cores
from bench.worker.measure import now

BACKENDS = ("jax", "tensorflow", "torch")
WAYS = ("predict", "predict_on_batch", "call")
COLUMNS = ("machine", "backend", "round", "way", "seconds")
WARM_UPS, CALLS = 20, 200


def time_ways() -> dict[str, float]:
    """Return the median seconds of one label by each way, with another image each time."""
    import keras  # noqa: PLC0415 - only the process that is timed has a backend

    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    images = np.random.default_rng().random((WARM_UPS + CALLS, 1, 784), np.float32)
    ways: dict[str, Any] = {
        "predict": lambda image: model.predict(image, verbose=0),
        "predict_on_batch": model.predict_on_batch,
        "call": lambda image: keras.ops.convert_to_numpy(model(image, training=False)),
    }
    medians = {}
    for way in WAYS:
        seconds = []
        for image in images:
            begin = now()
            ways[way](image).argmax(axis=1)
            seconds.append(now() - begin)
        medians[way] = median(seconds[WARM_UPS:])
    return medians


def measure(rounds: int, path: Path) -> None:
    """Append the times of each backend in each round, in random orders."""
    machine, new = describe()["name"], not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for number in range(1, rounds + 1):
            for backend in SystemRandom().sample(BACKENDS, len(BACKENDS)):
                done = subprocess.run(
                    [sys.executable, __file__, "time"],
                    env={**os.environ, "KERAS_BACKEND": backend},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                for way, seconds in json.loads(done.stdout.splitlines()[-1]).items():
                    writer.writerow([machine, backend, number, way, f"{seconds:.3g}"])
                stream.flush()


def read(path: Path) -> dict[tuple[str, str], Interval]:
    """Return the seconds of a label of a file, by backend and way, with 95 % intervals."""
    seconds = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            seconds[line["backend"], line["way"]].append(float(line["seconds"]))
    return {key: estimate_typical(values) for key, values in seconds.items()}


def tabulate(path: Path) -> str:
    """Return the Markdown table of a file: a line for each backend, a column for each way."""
    known = read(path)
    columns = [tables.list_words("Keras on", BACKENDS)]
    columns += [
        tables.list_numbers(f"{way}, ms", [known[one, way] for one in BACKENDS], 1e3)
        for way in WAYS
    ]
    return render_table(tables.build_table("", columns, leading=1))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["time"]:
            os.sched_setaffinity(0, list_usable_cores()[-1:])
            print(json.dumps(time_ways()))
        case ["measure", rounds, path] if rounds.isdigit():
            measure(int(rounds), Path(path))
        case ["show", path]:
            print(tabulate(Path(path)))
        case _:
            sys.exit("usage: labels.py measure ROUNDS FILE | show FILE")
