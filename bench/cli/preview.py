"""The data as a terminal can show them: facts, class counts, the first ten images."""

import math

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from bench import prepared
from bench.dataset import Dataset

# From black to white, as dark a terminal as it may be: one character for two rows of pixels.
SHADES = " .:-=+*#%@"
PARTS: tuple[prepared.Part, ...] = ("train", "validation", "test")


def facts(found: Dataset) -> Text:
    """Say what the data are, where they came from and where they lie, with every shape."""
    lines = [f"{found.name}, {found.source}, prepared in {found.folder}"]
    for part in PARTS:
        images, labels = prepared.read(found.folder, part)
        lines.append(f"{part:<11}images {images.shape} {images.dtype}, labels {labels.shape}")
    return Text("\n".join(lines))


def counts(found: Dataset) -> Table:
    """Count each class in each part."""
    labels = [prepared.read_labels(found.folder, part) for part in PARTS]
    table = Table("label", "class", *PARTS, box=None, pad_edge=False)
    for label, name in enumerate(found.class_names):
        numbers = [str(int((part == label).sum())) for part in labels]
        table.add_row(str(label), Text(name), *numbers)
    return table


def images(found: Dataset, width: int) -> Text:
    """Draw the first ten images of the data set's own order, as many beside each other as fit."""
    side = math.isqrt(found.features)
    if side * side != found.features:
        return Text("the images are not square and cannot be drawn")
    first, labels = prepared.read_first(found.folder, 10)
    drawn = [_drawing(image.reshape(side, side)) for image in first]
    names = [found.class_names[label][:side].ljust(side) for label in labels]
    abreast = max(1, min(10, width // (side + 1)))
    lines: list[str] = []
    for start in range(0, 10, abreast):
        block = [[name, *drawing] for name, drawing in zip(names, drawn, strict=True)]
        lines += [" ".join(line) for line in zip(*block[start : start + abreast], strict=True)]
    return Text("\n".join(lines), no_wrap=True)


def _drawing(image: NDArray[np.float32]) -> list[str]:
    """Draw an image a character a pixel wide and two high, as a terminal's cells are."""
    pairs = image[: len(image) // 2 * 2].reshape(-1, 2, image.shape[1]).mean(axis=1)
    shade = np.minimum((pairs * len(SHADES)).astype(int), len(SHADES) - 1)
    return ["".join(SHADES[level] for level in line) for line in shade]
