"""The data and what was learned of them, as tables of text."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.learned import Learned, differing
from bench.prepared import Part
from bench.report import numbers
from bench.report.tables import Table, label

DIFFERING_NOTE = (
    "After the workload's last epoch, of the first process whose params are kept. Another class: "
    "test images that the row puts into another class than {first} does. Of one-vs-rest the "
    "weights solve another problem, and look alike only by and large."
)


def counts(labels: Mapping[Part, NDArray[np.int32]], class_names: Sequence[str]) -> Table:
    """Return how many images of each class each part has; labels: by the part's name."""
    found = [np.bincount(each, minlength=len(class_names)) for each in labels.values()]
    lines = [
        [str(label), each, *(f"{part[label]:,}" for part in found)]
        for label, each in enumerate(class_names)
    ]
    return Table("Images of each class", ("label", "class", *labels), lines, 2)


def differences(found: Sequence[Learned], labels: NDArray[np.int32]) -> Table:
    """Return how the rows differ in what they predict, each from the first."""
    lines = [
        [label(each.case), numbers.share(float((each.predicted == labels).mean())),
         f"{differing(each, found[0]):,}"]
        for each in found
    ]  # fmt: skip
    return Table(
        f"Test images, of {len(labels):,}", ("implementation", "test accuracy", "another class"),
        lines, 1, DIFFERING_NOTE.format(first=label(found[0].case)),
    )  # fmt: skip


def agreement(found: Sequence[Learned]) -> list[str]:
    """Say on how many test images all that solve the first one's problem are of one mind."""
    same = [each for each in found if each.case.objective == found[0].case.objective]
    if len(same) < 2:
        return []
    predicted = np.stack([each.predicted for each in same])
    split = int((predicted != predicted[0]).any(axis=0).sum())
    which = f"all but {split:,} of the" if split else "every one of the"
    who = f"All {len(same)} {same[0].case.objective} classifiers"
    return [f"{who} put {which} {predicted.shape[1]:,} test images into the same class."]


def confusions(counted: NDArray[np.int64], class_names: Sequence[str], most: int = 5) -> Table:
    """Return the pairs of classes that are confused most often, the worst first."""
    wrong = [(int(counted[at]), at) for at in np.ndindex(counted.shape) if at[0] != at[1]]
    worst = sorted(wrong, key=lambda one: (-one[0], one[1]))[:most]
    totals = counted.sum(axis=1)
    lines = [
        [class_names[true], class_names[found], f"{images:,}",
         numbers.percent(images / int(totals[true]))]
        for images, (true, found) in worst if images
    ]  # fmt: skip
    headings = ("class", "taken for", "images", "of the class")
    return Table("The classes that are confused most", headings, lines, 2)
