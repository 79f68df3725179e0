"""Small data sets as folders of IDX files, for the tests of what finds and reads them."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import idx


def packed_idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array as the bytes of an IDX file."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def idx_files(
    samples: int = 50, tests: int = 10, side: int = 4, seed: int = 0
) -> dict[str, NDArray[np.uint8]]:
    """Return random images (samples, side, side) and labels by the names of their files."""
    random = np.random.default_rng(seed)
    shapes = [(samples, side, side), (samples,), (tests, side, side), (tests,)]
    limits = (256, 10, 256, 10)
    return {
        name: random.integers(0, limit, shape, np.uint8)
        for name, limit, shape in zip(idx.FILES, limits, shapes, strict=True)
    }


def write_idx(
    folder: Path, files: dict[str, NDArray[np.uint8]], *, compress: bool = False
) -> dict[str, str]:
    """Write the files of a data set; return the SHA-256 of each."""
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = {}
    for name, array in files.items():
        content = packed_idx(array)
        sha256[name] = hashlib.sha256(content).hexdigest()
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return sha256
