"""Show a data set in a terminal: facts, class counts and the first ten images."""

import math

import numpy as np
from rich.table import Table
from rich.text import Text

from bench.data.dataset import Dataset
from bench.worker import data

SHADES = " .:-=+*#%@"  # from black to white, on a dark terminal
PARTS: tuple[data.Part, ...] = ("train", "validation", "test")


def facts(dataset: Dataset) -> Text:
    """Describe the data: name, source, folder and the shape of every array."""
    lines = [f"{dataset.name}, {dataset.source}, prepared in {dataset.folder}"]
    for part in PARTS:
        images, labels = data.read(dataset.folder, part)
        lines.append(f"{part:<11}images {images.shape} {images.dtype}, labels {labels.shape}")
    return Text("\n".join(lines))


def counts(dataset: Dataset) -> Table:
    """Count the images of each class in each part."""
    table = Table("label", "class", *PARTS, box=None, pad_edge=False)
    labels = [data.read_labels(dataset.folder, part) for part in PARTS]
    totals = [np.bincount(part, minlength=dataset.classes) for part in labels]
    for label, name in enumerate(dataset.class_names):
        table.add_row(str(label), Text(name), *(str(total[label]) for total in totals))
    return table


def images(dataset: Dataset, width: int) -> Text:
    """Draw the first ten images in the data set's own order, as many in a row as fit.

    width: columns of the terminal. A character is one pixel wide and two high.
    """
    side = math.isqrt(dataset.features)
    if side * side != dataset.features:
        return Text("the images are not square and cannot be drawn")
    first, labels = data.read_first(dataset.folder, 10)
    pairs = first[:, : side // 2 * 2 * side].reshape(len(first), -1, 2, side).mean(axis=2)
    shades = np.minimum((pairs * len(SHADES)).astype(int), len(SHADES) - 1)
    drawings = [
        [
            dataset.class_names[label][:side].ljust(side),
            *("".join(map(SHADES.__getitem__, row)) for row in image),
        ]
        for label, image in zip(labels, shades, strict=True)
    ]
    columns = max(1, width // (side + 1))
    lines = [
        " ".join(row)
        for start in range(0, len(drawings), columns)
        for row in zip(*drawings[start : start + columns], strict=True)
    ]
    return Text("\n".join(lines), no_wrap=True)
