"""What the parent and its worker share: memory that both map, and one byte each way on two pipes.

The parent writes the arguments of a command to the memory and sends the command's byte. The worker
executes it, writes its results to the memory, and answers with the same byte, or with FAILED. So a
worker knows an order when its epoch begins, and no sooner; and the parent reads its own clock
before and after each command.
"""

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Commands. PING only takes indices: the parent times it to learn what a hand-over costs. NUMPY is
# the first one: until then the worker has not imported it (bench/worker/__main__.py).
PING, NUMPY, IMPORT, READ_DATA, SET_UP = b".", b"n", b"i", b"d", b"s"
RESET, COLLECT, TRAIN, TRAIN_ON_NOISE = b"r", b"c", b"t", b"T"
PREDICT, PREDICT_SINGLY, VERIFY = b"p", b"P", b"v"
RUN, END = b"x", b"q"
FAILED = b"!"
NOISE = "noise"  # in the worker's folder: the noise that a trial ends with


@dataclass(frozen=True, slots=True)
class ExchangeSize:
    """How much an exchange holds: one order of the samples, params, images and labels."""

    samples: int = 0
    images: int = 0  # that one command may ask to label
    features: int = 0
    classes: int = 0
    models: int = 0  # 0 for one model by itself

    @property
    def layout(self) -> np.dtype[Any]:
        """The arrays of the file, one after the other."""
        params = self.features + 1, self.classes
        return np.dtype(
            [
                # Aligned, as JAX wants an array that it reads without a copy: it is by chance else.
                ("images", np.float32, (self.images, self.features)),
                ("seconds", np.float64),
                ("count", np.int64),
                ("indices", np.int64, (self.samples,)),
                ("labels", np.int64, (self.images,)),
                ("params", np.float32, (self.models, *params) if self.models else params),
            ]
        )


def create_file(folder: Path, size: ExchangeSize) -> int:
    """Create the file of an exchange and return its descriptor, which the worker inherits.

    On Linux it has no name and cannot shrink: a process that maps a file dies by a signal when
    another one has cut it short (memfd_create(2)). Elsewhere it lies in the folder.
    """
    if not hasattr(os, "memfd_create"):
        descriptor = os.open(folder / "exchange", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, size.layout.itemsize)
        return descriptor
    import fcntl

    descriptor = os.memfd_create("exchange", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size.layout.itemsize)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return descriptor


class Exchange:
    """The mapped memory, as arrays. descriptor: of a file of this size (``create_file``).

    seconds: float64 (1,), that a ping has computed, by the worker's clock. count:
    int64 (1,), how many of the indices or images are meant. indices: int64 (samples,), the order of
    an epoch. images: float32 (images, features), to be labelled. params: float32 (features + 1,
    classes), the bias as the last row, or (models, features + 1, classes); of RESET on the way to
    the worker, of TRAIN on the way back. labels: int64 (images,), predicted.
    """

    def __init__(self, descriptor: int, size: ExchangeSize) -> None:
        memory = mmap.mmap(descriptor, size.layout.itemsize)
        arrays = np.frombuffer(memory, size.layout)
        self.seconds: NDArray[np.float64] = arrays["seconds"]
        self.count: NDArray[np.int64] = arrays["count"]
        self.indices: NDArray[np.int64] = arrays["indices"][0]
        self.images: NDArray[np.float32] = arrays["images"][0]
        self.labels: NDArray[np.int64] = arrays["labels"][0]
        self.params: NDArray[np.float32] = arrays["params"][0]

    def write_indices(self, indices: NDArray[np.int64]) -> None:
        """Write an order."""
        self.count[0] = len(indices)
        self.indices[: len(indices)] = indices

    def write_averages(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        """Write averages of images (n, features), to be labelled.

        In three passes, as a program makes its images: what is written once is not in a cache.
        """
        self.count[0] = len(first)
        part = self.images[: len(first)]
        part[:] = first
        part += second
        part /= 2

    def read_indices(self) -> NDArray[np.int64]:
        """Return a private copy of the indices."""
        return self.indices[: int(self.count[0])].copy()
