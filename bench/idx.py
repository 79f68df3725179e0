"""Folders of four IDX files: found, checked against their own headers, and read.

The format is a big-endian header (two zero bytes, the type 0x08 for unsigned bytes, the number of
dimensions, then one 32-bit length for each) followed by exactly the bytes that it promises.
Source: http://yann.lecun.com/exdb/mnist/ ("The IDX file format").
"""

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.error import UserError
from bench.files import open_file

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

CLASSES = 10

# Bytes that a header may promise, or gzip unpack to: EMNIST, the largest of any MNIST, has
# 638 million in its 814,255 images.
_LARGEST = 2**30
_CHUNK = 2**20


class DataError(UserError):
    """The data cannot be had: one line that says what is wrong and, to the user, what to do."""


class Raw(NamedTuple):
    """A data set as its files hold it.

    images, test_images: uint8 (samples, features); labels, test_labels: uint8 (samples,), below
    CLASSES; sha256: of each file's uncompressed bytes, by the file's name without ``.gz``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    sha256: dict[str, str]


def read_folder(folder: Path, expected: Mapping[str, str] | None = None) -> Raw:
    """Read the four files of a folder, each plain or compressed by gzip.

    expected: SHA-256 of the uncompressed bytes by file name; None takes any.
    Raises DataError for a file that is missing, damaged or not the expected one, and for files
    that do not belong together.
    """
    paths = [_locate(folder, name) for name in FILES]
    read = [
        read_file(path, (expected or {}).get(name)) for path, name in zip(paths, FILES, strict=True)
    ]
    (images, _), (labels, _), (test_images, _), (test_labels, _) = read
    _belong(folder, TRAIN_IMAGES, images, TRAIN_LABELS, labels)
    _belong(folder, TEST_IMAGES, test_images, TEST_LABELS, test_labels)
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{folder}: expected training and test images of one size, "
            f"found {_size(images)} and {_size(test_images)}"
        )
    return Raw(
        images.reshape(len(images), -1),
        labels,
        test_images.reshape(len(test_images), -1),
        test_labels,
        {name: sha256 for name, (_, sha256) in zip(FILES, read, strict=True)},
    )


def read_file(path: Path, expected: str | None = None) -> tuple[NDArray[np.uint8], str]:
    """Read one IDX file of unsigned bytes; return its array and the SHA-256 of its plain bytes.

    The name says what it holds: images (samples, rows, columns) or labels (samples,).
    Raises DataError for anything but a whole file of that kind, and for another hash than expected.
    """
    try:
        with open_file(path, _LARGEST + _CHUNK) as file:
            # Some mirrors unpack what they send, so that the bytes tell and the name does not.
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            array, sha256 = _parse(stream, path, 3 if "-images-" in path.name else 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: expected a whole gzip file, found damage ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if expected not in {None, sha256}:
        raise DataError(f"{path}: expected SHA-256 {str(expected)[:12]}…, found {sha256[:12]}…")
    return array, sha256


def expanded(path: str) -> Path:
    """Return a path that a user gave, its ``~`` replaced; raise DataError for an unknown home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(f"{path}: the home folder is not known; give the whole path") from error


def _locate(folder: Path, name: str) -> Path:
    try:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder")
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from error
    raise DataError(f"{folder}: expected the file {name} or {name}.gz, found neither")


def _parse(
    stream: IO[bytes] | gzip.GzipFile, path: Path, dimensions: int
) -> tuple[NDArray[np.uint8], str]:
    header = _at_most(stream, 4 + 4 * dimensions)
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic:
        raise DataError(f"{path}: expected the magic number {magic.hex()}, found {_hex(header)}")
    if len(header) < 4 + 4 * dimensions:
        raise DataError(f"{path}: expected a whole IDX header, found only {len(header)} bytes")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    body = _body(stream, path, math.prod(shape))
    sha256 = hashlib.sha256(header)
    sha256.update(body)
    return np.frombuffer(body, np.uint8).reshape(shape), sha256.hexdigest()


def _body(stream: IO[bytes] | gzip.GzipFile, path: Path, promised: int) -> bytearray:
    """Exactly the bytes that the header promises; nothing is allocated on its word alone."""
    if not 0 < promised <= _LARGEST:
        raise DataError(f"{path}: expected 1 to {_LARGEST} bytes, its header promises {promised}")
    body = _at_most(stream, promised + 1)
    if len(body) != promised:
        found = "more" if len(body) > promised else str(len(body))
        raise DataError(f"{path}: expected {promised} bytes after its header, found {found}")
    return body


def _at_most(stream: IO[bytes] | gzip.GzipFile, size: int) -> bytearray:
    """Read up to size bytes: fewer only where the stream ends."""
    read = bytearray()
    while len(read) < size and (chunk := stream.read(min(_CHUNK, size - len(read)))):
        read += chunk
    return read


def _belong(
    folder: Path,
    images_name: str,
    images: NDArray[np.uint8],
    labels_name: str,
    labels: NDArray[np.uint8],
) -> None:
    if len(images) != len(labels):
        raise DataError(
            f"{folder}: expected one label an image, found {len(images)} images in {images_name} "
            f"and {len(labels)} labels in {labels_name}"
        )
    if labels.max() >= CLASSES:
        raise DataError(
            f"{folder}: expected labels 0 to {CLASSES - 1} in {labels_name}, found {labels.max()}"
        )


def _hex(header: bytearray) -> str:
    return bytes(header[:4]).hex() or "an empty file"


def _size(images: NDArray[np.uint8]) -> str:
    return "x".join(map(str, images.shape[1:]))
