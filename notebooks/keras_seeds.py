"""Train the chapter's model from fresh weights with Keras, once for each of several seeds.

``python notebooks/keras_seeds.py now 8`` trains with the installed Keras, and
``python notebooks/keras_seeds.py then 10`` with Keras 2 and the RMSprop that was its default before
TensorFlow 2.11 (``pip install tf_keras``). Each adds a row for each seed and epoch to
``keras_seeds.csv`` beside this file. ``python notebooks/keras_seeds.py`` prints which epochs the
chapter's log can have, and ``python notebooks/keras_seeds.py draw`` draws docs/chapter-log.svg.

The published file was made on a 2-core AMD EPYC with one thread (``TF_NUM_INTRAOP_THREADS=1
TF_NUM_INTEROP_THREADS=1``), Keras 3.15.1 and tf_keras 2.21.0. Over the seeds of "then" the
evaluation is 0.4480 ± 0.0082 and 0.8507 ± 0.0034 after six epochs, and 0.4509 ± 0.0049 and
0.8489 ± 0.0019 after five, so the printed one (0.4530, 0.8463) fits both.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from scipy.stats import t as student

from bench.contract import Textbook
from bench.data import dataset
from bench.worker.data import read_textbook

SEEDS = Path(__file__).with_suffix(".csv")
EPOCHS = 7
QUANTITIES = ("loss", "accuracy", "validation_loss", "validation_accuracy")
# What the chapter prints as epochs 1 to 5, and its evaluation after them.
PRINTED = pd.DataFrame(
    {
        "loss": [0.4782, 0.4574, 0.4450, 0.4372, 0.4318],
        "accuracy": [0.8383, 0.8484, 0.8525, 0.8549, 0.8575],
    },
    index=pd.RangeIndex(1, 6, name="printed as epoch"),
)


def import_keras(program: str) -> tuple[Any, Any]:
    """Return Keras and the optimizer of ``compile()``, of ``now`` or ``then``.

    Both divide by the root of the mean squared gradient: now epsilon = 1e-7 is added before the
    root is taken, then it was added to the root.
    """
    if program == "now":
        os.environ["KERAS_BACKEND"] = "tensorflow"
        keras = importlib.import_module("keras")
        return keras, keras.optimizers.RMSprop()
    keras = importlib.import_module("tf_keras")
    return keras, keras.optimizers.legacy.RMSprop()


def train(textbook: Textbook, program: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each epoch of a fresh model, which is the chapter's."""
    keras, optimizer = import_keras(program)
    keras.utils.set_random_seed(seed)
    images, labels = textbook.images, textbook.labels
    model = keras.Sequential(
        [keras.Input((images.shape[1],)), keras.layers.Dense(10, activation="softmax")]
    )
    model.compile(
        optimizer=optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=75,  # the same steps, with fewer calls: the chapter leaves this at 1
    )
    for epoch in range(1, EPOCHS + 1):
        # After a seed was set, each epoch of one call of Keras 3's fit takes the samples in the
        # same order; without a seed, as in the chapter, each has an order of its own.
        keras.utils.set_random_seed(1000 * (seed + 1) + epoch)
        history = model.fit(
            images[textbook.training],
            labels[textbook.training],
            validation_data=(images[textbook.validation], labels[textbook.validation]),
            verbose=0,
        ).history
        values = (history[name][0] for name in ("loss", "accuracy", "val_loss", "val_accuracy"))
        yield {
            "program": program,
            "version": f"{keras.__name__} {keras.__version__}",
            "seed": seed,
            "epoch": epoch,
            **dict(zip(QUANTITIES, values, strict=True)),
        }


def compare(seeds: pd.DataFrame, before: int) -> pd.DataFrame:
    """Compare the printed numbers with our epochs, if ``before`` epochs had been trained before.

    seeds: the rows of one program. Each number is tested as one more draw from the seeds' normal
    distribution: ``t`` is (printed - mean) / (sd * sqrt(1 + 1 / n)), and ``p`` is two-sided by
    Student's t with n - 1 degrees of freedom. Source:
    https://en.wikipedia.org/wiki/Prediction_interval#Unknown_mean,_unknown_variance
    """
    count = seeds["seed"].nunique()
    groups = seeds.groupby("epoch")
    parts = []
    for quantity in PRINTED:
        mean, sd = groups[quantity].mean(), groups[quantity].std()
        part = PRINTED[[quantity]].set_axis(["printed"], axis=1)
        part["our epoch"] = part.index + before
        part["mean"], part["sd"] = part["our epoch"].map(mean), part["our epoch"].map(sd)
        part["t"] = (part["printed"] - part["mean"]) / (part["sd"] * sqrt(1 + 1 / count))
        part["p"] = 2 * student.sf(part["t"].abs(), count - 1)
        parts.append(part)
    return pd.concat(parts, keys=list(PRINTED), names=["quantity"])


def draw(seeds: pd.DataFrame) -> Any:
    """Draw the loss over our epochs, and the printed ones as they are numbered and as they fit.

    seeds: the rows of one program. The band is from the least to the largest loss of its seeds.
    """
    band = seeds.groupby("epoch")["loss"].agg(["min", "mean", "max"]).reset_index()
    printed = pd.concat(
        pd.DataFrame({"epoch": PRINTED.index + before, "loss": PRINTED["loss"], "as": name})
        for before, name in ((0, "printed as epochs 1 to 5"), (1, "the same as epochs 2 to 6"))
    )
    loss = alt.Scale(zero=False)
    base = alt.Chart(band).encode(x=alt.X("epoch:Q", title="our epoch", axis=alt.Axis(tickCount=7)))
    return alt.layer(
        base.mark_area(opacity=0.3).encode(
            y=alt.Y("min:Q", title="training loss", scale=loss), y2="max:Q"
        ),
        base.mark_line().encode(y=alt.Y("mean:Q", scale=loss)),
        alt.Chart(printed)
        .mark_point(shape="cross", size=90, filled=True, opacity=1)
        .encode(
            x="epoch:Q",
            y=alt.Y("loss:Q", scale=loss),
            color=alt.Color(
                "as:N",
                title=None,
                scale=alt.Scale(range=["#D55E00", "#999999"]),
                legend=alt.Legend(orient="top", labelLimit=300),
            ),
        ),
    ).properties(width=560, height=300)


if __name__ == "__main__":
    if sys.argv[1:] == ["draw"]:
        log = pd.read_csv(SEEDS).query("program == 'then'")
        draw(log).save(SEEDS.parents[1] / "docs" / "chapter-log.svg")
    elif sys.argv[1:]:
        data = read_textbook(dataset.find().folder)
        for seed in range(int(sys.argv[2])):
            rows = pd.DataFrame(train(data, sys.argv[1], seed)).round(6)
            rows.to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    else:
        for name, rows in pd.read_csv(SEEDS).groupby("program"):
            for before in (0, 1, 2):
                print(f"Keras of {name}, if {before} epochs had been trained before:")
                print(compare(rows, before).to_string(float_format="{:.3g}".format), end="\n\n")
