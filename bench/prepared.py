"""Prepared data: mapped into memory by every child, which needs NumPy only.

They are ``.npy`` files in one folder for each data set, made by ``bench.dataset``: the images
float32 (samples, features) in [0, 1], the labels int32 (samples,), and the split.
"""

import mmap
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.contract import Textbook
from bench.idx import DataError

# What NumPy raises where a file is none of its own: a header is read as an expression of Python.
_UNREADABLE = (OSError, EOFError, ValueError, SyntaxError, OverflowError, MemoryError, TokenError)

Part = Literal["train", "validation", "test"]


def read(folder: Path, part: Part) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Map one part's images (samples, features) and load its labels (samples,).

    The map is copy-on-write: a framework that takes only writable arrays is content, and nobody
    can alter the file. Every page has been read once, so that no page fault is timed.
    Raises DataError if the folder does not hold prepared data.
    """
    images: NDArray[np.float32] = np.asarray(_load(folder, f"{part}_images", "c"))
    touch(images)
    return images, _load(folder, f"{part}_labels")


def read_samples(folder: Path, samples: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the first ``samples`` training images and labels; beyond the end it begins again.

    Up to the set's end the images are a map as ``read`` gives it, beyond it they are a copy.
    """
    images, labels = read(folder, "train")
    if samples <= len(labels):
        return images[:samples], labels[:samples]
    again = np.arange(samples) % len(labels)
    return images[again], labels[again]


def read_labels(folder: Path, part: Part) -> NDArray[np.int32]:
    """Load one part's labels (samples,) alone; raises DataError."""
    return _load(folder, f"{part}_labels")


def read_first(folder: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return the first images (count, features) and labels of the data set's own order.

    Where there are fewer to train on and validate, all of them. Raises DataError.
    """
    split = _load(folder, "split")
    places = np.argsort(split)[:count]  # in the validation's images and the training's after them
    held_out = len(read_labels(folder, "validation"))
    kinds: tuple[Part, Part] = ("validation", "train")
    images = [_load(folder, f"{part}_images", "c") for part in kinds]
    labels = np.concatenate([read_labels(folder, part) for part in kinds])
    chosen = [images[0][at] if at < held_out else images[1][at - held_out] for at in places]
    return np.array(chosen, np.float32), labels[places]


def features(folder: Path) -> int:
    """Return how many pixels an image has; raises DataError."""
    return int(_load(folder, "test_images", "c").shape[1])


def touch(array: NDArray[Any]) -> None:
    """Read one byte of every page of a contiguous array, so that all of it is in memory."""
    flat = array.reshape(-1).view(np.uint8)
    flat[:: mmap.PAGESIZE].max(initial=0)
    flat[-1:].max(initial=0)  # the last page may begin after the last step


def read_textbook(folder: Path) -> Textbook:
    """Rebuild the whole training set in the data set's own order, training and validation.

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


def _load(folder: Path, name: str, mmap_mode: Literal["c"] | None = None) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    try:
        array: NDArray[Any] = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except _UNREADABLE as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error
        raise DataError(f"{path}: expected prepared data ({why}); start again to remake") from error
    return array
