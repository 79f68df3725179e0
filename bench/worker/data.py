"""Read prepared data: ``.npy`` files that every worker reads into its memory, with NumPy alone.

``bench.data`` writes a folder for each data set: images float32 (samples, features) in [0, 1],
labels int32 (samples,), and the split.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import Problem, Textbook
from bench.errors import DataError
from bench.worker.workloads import get_workload

Part = Literal["train", "validation", "test"]


def read(
    folder: Path, part: Part, *, mapped: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Load one part's images (samples, features) and labels (samples,).

    Into memory of the process, for which NumPy asks for huge pages: how a mapped file lies in
    memory depends on who read it before, and decides what a gather costs (docs/methodology.md).
    mapped: map the images all the same, to read them once.
    Raises DataError if the folder does not hold prepared data.
    """
    images = _load(folder, f"{part}_images", "r" if mapped else None)
    return images, read_labels(folder, part)


def read_samples(
    folder: Path, samples: int, *, mapped: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the first ``samples`` training images and labels; start again after the last."""
    images, labels = read(folder, "train", mapped=mapped)
    if samples <= len(labels):
        return images[:samples], labels[:samples]
    indices = np.arange(samples) % len(labels)
    return images[indices], labels[indices]


def read_problem(
    folder: Path, workload: str, *, classes: int, batch_size: int, samples: int
) -> Problem:
    """Return the problem of a workload on the first ``samples`` images. Raises DataError."""
    images, labels = read_samples(folder, samples)
    experiment = get_workload(workload)
    return Problem(images, labels, classes, batch_size, experiment.optimizer, experiment.rates)


def read_labels(folder: Path, part: Part) -> NDArray[np.int32]:
    """Load one part's labels (samples,). Raises DataError."""
    return _load(folder, f"{part}_labels")


def read_textbook(folder: Path) -> Textbook:
    """Restore the whole training set, training and validation, in the data set's own order.

    Raises DataError if the folder does not hold prepared data.
    """
    split = _load(folder, "split")
    parts = [read(folder, "validation"), read(folder, "train")]
    validation, training = np.split(split, [len(parts[0][1])])
    images = np.empty((len(split), parts[0][0].shape[1]), np.float32)
    labels = np.empty(len(split), np.int32)
    for indices, (part_images, part_labels) in zip((validation, training), parts, strict=True):
        images[indices], labels[indices] = part_images, part_labels
    return Textbook(images, labels, training=training, validation=validation)


def count_features(folder: Path) -> int:
    """Return the number of pixels of an image. Raises DataError."""
    return int(_load(folder, "test_images", "r").shape[1])


def _load(folder: Path, name: str, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    try:
        array: NDArray[Any] = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path}: no prepared data ({error}). Start again to prepare it, a run with --resume"
        ) from error
    return array
