"""Arrays that a process handed over, or that lie in somebody's run: read, and nothing evaluated."""

import re
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench import regular

Scalar = TypeVar("Scalar", bound=np.generic)

# 8,500 epochs of Fashion-MNIST: the clock stops after some hundreds.
MOST = 256 * 2**20

# What numpy.save writes for an array of numbers in C order, and nothing else that is allowed.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '(?P<dtype>[<|>=][a-z][0-9]{1,2})', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9]{1,9}(?:, [0-9]{1,9}){0,3}),?\), \} *\n",
    re.DOTALL,
)
_NAMES = {each.str: each.name for each in map(np.dtype, "?bhilBHILefd")}


def read(path: Path, dtype: type[Scalar], ndim: int, most_bytes: int = MOST) -> NDArray[Scalar]:
    """Read an array of this type and so many dimensions from a regular file.

    Raises OSError, also where it has more than ``most_bytes``, FileNotFoundError where there is
    none, and ValueError. A header that promises more than the file holds takes no memory.
    """
    data = regular.read(path, most_bytes, follow=False)
    header = _HEADER.match(data, 0, 256)
    if header is None or header.end() != 10 + int.from_bytes(header["length"], "little"):
        raise ValueError(f"{path.name} is no array of numbers in C order, as numpy.save writes it")
    shape = tuple(map(int, header["shape"].split(b", ")))
    if np.dtype(dtype).str.encode() != header["dtype"]:
        told = _NAMES.get(header["dtype"].decode(), "of another type")
        raise ValueError(f"{path.name} is {told}, not {np.dtype(dtype).name}")
    if len(shape) != ndim:
        raise ValueError(f"{path.name} is of the wrong shape {shape}, not of {ndim} dimensions")
    if prod(shape) * np.dtype(dtype).itemsize != len(data) - header.end():
        raise ValueError(f"{path.name} promises shape {shape}, but has {len(data)} bytes")
    return np.frombuffer(data, dtype, offset=header.end()).reshape(shape).copy()
