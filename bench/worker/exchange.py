"""What the parent and its worker share: a file that both map, and one byte each way on two pipes.

The parent writes the arguments of a command to the file and sends the command's byte. The worker
executes it, writes its results to the file, and answers with the same byte, or with FAILED. So a
worker knows an order when its epoch begins, and no sooner; and the parent reads its own clock
before and after each command.
"""

import fcntl
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Commands. PING only takes an order: the parent times it to learn what a hand-over costs.
PING, IMPORT, READ_DATA, SET_UP, RESET, COLLECT, TRAIN = b".", b"i", b"d", b"s", b"r", b"c", b"t"
SELECT_TEST, SELECT_TRAINING, PREDICT, VERIFY = b"l", b"L", b"p", b"v"
RUN, END = b"x", b"q"
FAILED = b"!"


@dataclass(frozen=True, slots=True)
class ExchangeSize:
    """How much an exchange holds: one order of the samples, and params and labels.

    images: that one command may ask to label.
    """

    samples: int = 0
    images: int = 0
    features: int = 0
    classes: int = 0


class Exchange:
    """The mapped file, as arrays.

    seconds: float64 (1,), what the command took by the worker's clock. count: int64 (1,), how many
    of the indices are meant. indices: int64, the order of an epoch (samples,), or which images to
    label. params: float32 (features + 1, classes), the bias as the last row; of RESET on the way to
    the worker, of TRAIN on the way back. labels: int64 (images,), predicted.
    """

    def __init__(self, path: Path, size: ExchangeSize, *, create: bool = False) -> None:
        shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            "seconds": (np.float64, (1,)),
            "count": (np.int64, (1,)),
            "indices": (np.int64, (max(size.samples, size.images),)),
            "labels": (np.int64, (size.images,)),
            "params": (np.float32, (size.features + 1, size.classes)),
        }
        sizes = [np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in shapes.values()]
        if create:
            self._create(path, sum(sizes))
        memory: NDArray[np.uint8] = np.asarray(np.memmap(path, np.uint8, "r+", shape=(sum(sizes),)))
        arrays: dict[str, Any] = {}
        for (name, (dtype, shape)), end in zip(shapes.items(), np.cumsum(sizes), strict=True):
            start = int(end) - np.dtype(dtype).itemsize * int(np.prod(shape))
            arrays[name] = memory[start : int(end)].view(dtype).reshape(shape)
        self.seconds: NDArray[np.float64] = arrays["seconds"]
        self.count: NDArray[np.int64] = arrays["count"]
        self.indices: NDArray[np.int64] = arrays["indices"]
        self.labels: NDArray[np.int64] = arrays["labels"]
        self.params: NDArray[np.float32] = arrays["params"]

    def _create(self, path: Path, size: int) -> None:
        """Create the file. Raises OSError.

        On Linux it lies in memory, and its size is sealed: who reads a mapped page of a file that a
        worker has cut, or for which the disk has no room, is killed. Source: memfd_create(2).
        """
        if not hasattr(os, "memfd_create"):
            path.write_bytes(bytes(size))
            return
        descriptor = os.memfd_create(path.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        weakref.finalize(self, os.close, descriptor)
        os.ftruncate(descriptor, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        path.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")

    def write_indices(self, indices: NDArray[np.int64]) -> None:
        """Write an order, or which images to label."""
        self.count[0] = len(indices)
        self.indices[: len(indices)] = indices

    def read_indices(self) -> NDArray[np.int64]:
        """Return a private copy of the indices."""
        return self.indices[: int(self.count[0])].copy()
