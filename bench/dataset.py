"""The data: found, and prepared once in the user's cache, as ``bench.prepared`` reads them."""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import cache, idx, sources
from bench.idx import DataError, Raw
from bench.prepared import features, read_labels

__all__ = ["DataError", "Dataset", "find", "prepared"]

_FORMAT = 1  # of the prepared files; part of the cache's key
_GIVEN = "the folder given"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that is ready to be read.

    name: "fashion-mnist", "digits" or the folder's name; folder: where the prepared files are;
    source: where the data first came from, for people; sha256: of the uncompressed IDX bytes by
    file name (of the data file itself for digits); class_names: by label; features: pixels of an
    image.
    """

    name: str
    folder: Path
    source: str
    sha256: dict[str, str]
    class_names: tuple[str, ...]
    classes: int
    features: int

    def describe(self) -> dict[str, Any]:
        """Return what a record keeps of it: no path of this machine."""
        return {
            "name": self.name, "source": self.source, "sha256": self.sha256,
            "features": self.features, "classes": self.classes,
            "test_images": len(read_labels(self.folder, "test")),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What the prepared files are made of; split has the validation's indices first."""

    name: str
    source: str
    raw: Raw
    white: int  # the pixel that becomes 1.0
    split: NDArray[np.int64]
    held_out: int


def find(data: str | None = None) -> Dataset:
    """Find a data set and prepare it, if it is not prepared yet.

    data: None is Fashion-MNIST, from FASHION_MNIST_DIR, the user's cache, the system's package, a
    mirror, or the Debian archive, whichever has it first; "digits" is what scikit-learn bundles;
    anything else is a folder of four IDX files.
    Raises DataError, one line that says what to do.
    """
    if data == "digits":
        return _find_digits()
    if data is None or (data == "fashion-mnist" and not Path(data).exists()):
        return _find_fashion_mnist()
    return _find_folder(idx.expanded(data))


def prepared(sha256: Mapping[str, str]) -> Dataset | None:
    """Return the data with these hashes if they are prepared already; looks nowhere else for them.

    Raises DataError where there is no folder to look in.
    """
    found = cache.kept(_key(sha256))
    return None if found is None else _described(*found)


def _find_fashion_mnist() -> Dataset:
    given = os.environ.get("FASHION_MNIST_DIR")
    if not given:
        return _prepared(
            sources.FASHION_MNIST, lambda scratch: _recipe(*sources.fashion_mnist(scratch))
        )
    try:
        raw = idx.read_folder(idx.expanded(given), sources.FASHION_MNIST)
    except DataError as error:
        raise DataError(f"FASHION_MNIST_DIR: {error}; correct it, or unset it") from error
    found = _prepared(raw.sha256, lambda _: _recipe(raw, _GIVEN))
    return dataclasses.replace(found, source=_GIVEN)


def _find_folder(folder: Path) -> Dataset:
    try:
        raw = idx.read_folder(folder)
    except DataError as error:
        raise DataError(f"{error}; give a folder of four whole IDX files") from error
    if len(raw.labels) < 2:
        raise DataError(f"{folder}: one training image cannot be split; give a larger data set")
    found = _prepared(raw.sha256, lambda _: _recipe(raw, _GIVEN))
    name = _name(raw) or folder.resolve().name
    if name != _name(raw) and name in {"fashion-mnist", "digits"}:
        name += "-folder"  # it is called like a data set that it is not
    return dataclasses.replace(found, name=name, source=_GIVEN)


def _find_digits() -> Dataset:
    raw = sources.digits()
    split = np.roll(np.arange(1797), 357)
    recipe = _Recipe("digits", "bundled with scikit-learn", raw, 16, split, 357)
    return _prepared(raw.sha256, lambda _: recipe)


def _name(raw: Raw) -> str | None:
    return "fashion-mnist" if raw.sha256 == sources.FASHION_MNIST else None


def _recipe(raw: Raw, source: str) -> _Recipe:
    """Prepare as scikit-learn's ``train_test_split(test_size=0.2, random_state=42)`` splits."""
    samples = len(raw.labels)
    split = np.random.RandomState(42).permutation(samples).astype(np.int64)
    return _Recipe(_name(raw) or "folder", source, raw, 255, split, math.ceil(samples / 5))


def _arrays(recipe: _Recipe) -> dict[str, NDArray[Any]]:
    """Every prepared array by its file's name."""
    raw = recipe.raw
    held_out, training = recipe.split[: recipe.held_out], recipe.split[recipe.held_out :]
    parts = {
        "train": (raw.images[training], raw.labels[training]),
        "validation": (raw.images[held_out], raw.labels[held_out]),
        "test": (raw.test_images, raw.test_labels),
    }
    arrays: dict[str, NDArray[Any]] = {"split.npy": recipe.split}
    for part, (images, labels) in parts.items():
        arrays[f"{part}_images.npy"] = images.astype(np.float32) / np.float32(recipe.white)
        arrays[f"{part}_labels.npy"] = labels.astype(np.int32)
    return arrays


def _prepared(sha256: dict[str, str], obtain: Callable[[Path], _Recipe]) -> Dataset:
    """Take from the cache what has these hashes, or obtain it and put it there."""

    def make(scratch: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        recipe = obtain(scratch)
        names = sources.CLASS_NAMES if recipe.name == "fashion-mnist" else sources.DIGIT_NAMES
        facts = {"name": recipe.name, "source": recipe.source, "class_names": names}
        return facts | {"sha256": recipe.raw.sha256}, _arrays(recipe)

    return _described(*cache.keep(_key(sha256), make))


def _key(sha256: Mapping[str, str]) -> str:
    """Name a data set in the cache."""
    return hashlib.sha256(json.dumps([_FORMAT, sha256], sort_keys=True).encode()).hexdigest()[:16]


def _described(folder: Path, facts: Mapping[str, Any]) -> Dataset:
    names = tuple(facts["class_names"])
    return Dataset(
        facts["name"], folder, facts["source"], facts["sha256"], names, len(names), features(folder)
    )
