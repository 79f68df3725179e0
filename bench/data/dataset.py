"""Find a data set, and prepare it once for ``bench.worker.data`` in the user's cache."""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import cache, idx, sources
from bench.data.idx import Raw
from bench.errors import DataError
from bench.worker.data import count_features, read_labels

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_FORMAT = 2  # of the prepared files; part of the cache's key
_FACTS = "facts.json"
_GIVEN = "the folder given"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that is ready to be read."""

    name: str  # "fashion-mnist", "digits" or the folder's name
    folder: Path  # where the prepared files are
    source: str  # where the data first came from, for people
    # Of the uncompressed IDX bytes by file name (of the data file itself for digits).
    sha256: dict[str, str]
    class_names: tuple[str, ...]  # by label
    classes: int
    features: int  # pixels of an image

    def describe(self) -> dict[str, object]:
        """Return what a record keeps of it: no path of this machine."""
        return {
            "name": self.name,
            "source": self.source,
            "sha256": self.sha256,
            "features": self.features,
            "classes": self.classes,
            "test_images": len(read_labels(self.folder, "test")),
        }


def find(data: str | None = None) -> Dataset:
    """Find a data set, and prepare it unless the cache has it.

    data: None is Fashion-MNIST, from FASHION_MNIST_DIR, our cache or the first of
    ``sources.find_fashion_mnist``; "digits" is what scikit-learn bundles; anything else is a folder
    of four IDX files. Raises DataError, one line that says what to do.
    """
    if data == "digits":
        digits = sources.read_digits()
        return _prepare(digits.sha256, lambda: (digits, "bundled with scikit-learn"))
    if data is not None and (data != "fashion-mnist" or Path(data).exists()):
        try:
            raw = idx.read_folder(Path(data))
        except DataError as error:
            raise DataError(f"{error}. Give a folder with four whole IDX files") from error
        if len(raw.labels) < 2:
            raise DataError(f"{data}: one training image cannot be split. Give a larger data set")
        name = Path(data).resolve().name
        if raw.sha256 == sources.FASHION_MNIST:
            name = "fashion-mnist"
        elif name in {"fashion-mnist", "digits"}:  # it is not the data set of this name
            name += "-folder"
        dataset = _prepare(raw.sha256, lambda: (raw, _GIVEN))
        return dataclasses.replace(dataset, name=name, source=_GIVEN)
    folder = os.environ.get("FASHION_MNIST_DIR")
    if not folder:
        return _prepare(sources.FASHION_MNIST, sources.find_fashion_mnist)
    try:
        raw = idx.read_folder(Path(folder), sources.FASHION_MNIST)
    except DataError as error:
        raise DataError(f"FASHION_MNIST_DIR: {error}. Correct it, or unset it") from error
    return dataclasses.replace(_prepare(raw.sha256, lambda: (raw, _GIVEN)), source=_GIVEN)


def split_samples(samples: int) -> tuple[NDArray[np.int64], int]:
    """Return an order of the samples, and how many of its first ones are for validation.

    The split is that of scikit-learn's ``train_test_split(test_size=0.2, random_state=42)``.
    """
    return np.random.RandomState(42).permutation(samples), math.ceil(samples / 5)


def _prepare(sha256: dict[str, str], load: Callable[[], tuple[Raw, str]]) -> Dataset:
    """Return the data with these hashes; load and prepare them unless the cache has them."""

    def fill(folder: Path) -> None:
        raw, source = load()
        name, class_names = "folder", tuple("0123456789")
        (order, held_out), white = split_samples(len(raw.labels)), 255
        if raw.sha256 == sources.FASHION_MNIST:
            name, class_names = "fashion-mnist", CLASS_NAMES
        elif "digits.csv.gz" in raw.sha256:
            name, order, held_out, white = "digits", np.roll(np.arange(1797), 357), 357, 16
        validation, training = np.split(order, [held_out])
        parts = {
            "train": (raw.images[training], raw.labels[training]),
            "validation": (raw.images[validation], raw.labels[validation]),
            "test": (raw.test_images, raw.test_labels),
        }
        np.save(folder / "split.npy", order)
        for part, (images, labels) in parts.items():
            np.save(folder / f"{part}_images.npy", images.astype(np.float32) / np.float32(white))
            np.save(folder / f"{part}_labels.npy", labels.astype(np.int32))
        facts = {"name": name, "source": source, "class_names": class_names, "sha256": raw.sha256}
        (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")

    return _open(cache.build(_key(sha256), fill))


def _open(folder: Path) -> Dataset:
    facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    names = tuple(facts.pop("class_names"))
    features = count_features(folder)
    return Dataset(**facts, folder=folder, class_names=names, classes=len(names), features=features)


def _key(sha256: Mapping[str, str]) -> str:
    """Return the name of a data set's folder in the cache."""
    return hashlib.sha256(json.dumps([_FORMAT, sha256], sort_keys=True).encode()).hexdigest()[:16]
