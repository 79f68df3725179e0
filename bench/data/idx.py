"""Read the four IDX files of a data set like MNIST.

An IDX file is a big-endian header (two zero bytes, 0x08 for unsigned bytes, the number of
dimensions, then one 32-bit length for each dimension), followed by exactly the bytes it promises.
Source: http://yann.lecun.com/exdb/mnist/ ("The IDX file format").
"""

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
CLASSES = 10
MAX_BYTES = 2**30  # of one file: EMNIST, the largest of these data sets, has 638 million


class Raw(NamedTuple):
    """A data set as its files hold it."""

    images: NDArray[np.uint8]  # uint8 (samples, features)
    labels: NDArray[np.uint8]  # uint8 (samples,), below CLASSES
    test_images: NDArray[np.uint8]  # as the images
    test_labels: NDArray[np.uint8]  # as the labels
    sha256: dict[str, str]  # of each file's uncompressed bytes, by the file's name without ``.gz``


def read_folder(folder: Path, expected: Mapping[str, str] | None = None) -> Raw:
    """Read the four files of a folder, each plain or compressed by gzip.

    expected: SHA-256 of the uncompressed bytes by file name; None accepts any data set.
    Raises DataError for a file that is missing, damaged or not the expected one, and for files
    that do not belong together.
    """
    with suppress(RuntimeError):  # no such home folder, so no such file below
        folder = folder.expanduser()
    arrays, sha256 = {}, {}
    for name in FILES:
        paths = (folder / name, folder / f"{name}.gz")
        try:
            path = next((path for path in paths if path.is_file()), None)  # a pipe would block
        except OSError as error:
            raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from error
        if path is None:
            raise DataError(f"{folder}: no file {name} or {name}.gz")
        arrays[name], sha256[name] = read_idx(path, (expected or {}).get(name))
    images, labels, test_images, test_labels = arrays.values()
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(f"{folder}: the training and test images differ in size")
    for part, part_images, part_labels in (
        ("training", images, labels),
        ("test", test_images, test_labels),
    ):
        if len(part_images) != len(part_labels):
            counts = f"{len(part_images)} {part} images, but {len(part_labels)} labels"
            raise DataError(f"{folder}: it has {counts}")
        if (label := part_labels.max()) >= CLASSES:
            raise DataError(f"{folder}: a {part} image has the label {label}; expected 0 to 9")
    images, test_images = (part.reshape(len(part), -1) for part in (images, test_images))
    return Raw(images, labels, test_images, test_labels, sha256)


def read_idx(path: Path, expected: str | None = None) -> tuple[NDArray[np.uint8], str]:
    """Read one IDX file of unsigned bytes; return its array and the SHA-256 of its plain bytes.

    The name says what it holds: images (samples, rows, columns) or labels (samples,).
    Raises DataError unless it is a whole file of that kind with the expected hash.
    """
    dimensions = 3 if "-images-" in path.name else 1
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if compressed else file
            header = stream.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, 8, dimensions)):
                raise DataError(f"{path}: expected an IDX header of {dimensions} dimension(s)")
            shape = struct.unpack(f">{dimensions}I", header[4:])
            size = math.prod(shape)
            if not 0 < size <= MAX_BYTES:
                raise DataError(f"{path}: expected 1 to {MAX_BYTES} bytes, the header says {size}")
            body = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if len(body) != size:
        raise DataError(f"{path}: expected exactly {size} bytes after the header")
    sha256 = hashlib.sha256(header + body).hexdigest()
    if expected not in {None, sha256}:
        raise DataError(f"{path}: expected SHA-256 {str(expected)[:12]}…, got {sha256[:12]}…")
    return np.frombuffer(body, np.uint8).reshape(shape), sha256
