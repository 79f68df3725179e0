"""Tables of the data and of the classes that are confused."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.report.render import numbers
from bench.report.sections.comparison import Table
from bench.worker.data import Part


def counts(labels: Mapping[Part, NDArray[np.int32]], class_names: Sequence[str]) -> Table:
    """Return how many images of each class are in each part; labels: by the part's name."""
    sizes = [np.bincount(part, minlength=len(class_names)) for part in labels.values()]
    lines = [
        [str(label), name, *(f"{size[label]:,}" for size in sizes)]
        for label, name in enumerate(class_names)
    ]
    return Table("Images of each class", ("label", "class", *labels), lines, 2)


def confusions(counted: NDArray[np.int64], class_names: Sequence[str], most: int = 5) -> Table:
    """Return the pairs of classes that are confused most often, the worst first."""
    off_diagonal = [cell for cell in np.ndindex(counted.shape) if cell[0] != cell[1]]
    worst = sorted(off_diagonal, key=lambda cell: (-counted[cell], cell))[:most]
    totals = counted.sum(axis=1)
    lines = [
        [
            class_names[true],
            class_names[predicted],
            f"{counted[true, predicted]:,}",
            numbers.percent(float(counted[true, predicted] / totals[true])),
        ]
        for true, predicted in worst
        if counted[true, predicted]
    ]
    headings = ("class", "taken for", "images", "of the class")
    return Table("The classes that are confused most", headings, lines, 2)
