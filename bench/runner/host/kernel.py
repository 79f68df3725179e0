"""The reference kernel: fixed work whose time shows how fast a core is at this moment.

It is a product of 64 x 64 float32 matrices, repeated. OpenBLAS multiplies up to 64 * 64 * 64 =
262,144 elements on the calling thread, and may use threads on other cores above that (96 x 96 does
on Haswell and Zen). Source: SMP_THRESHOLD_MIN and GEMM_MULTITHREAD_THRESHOLD in OpenBLAS,
interface/gemm.c. Factor and product together take 32 KiB: they stay in the first-level cache, so
the kernel disturbs the caches of what it is timed beside as little as possible.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np

from bench.worker.measure import time_call

SIZE = 64
REPEATS = 400  # 2 to 4 ms
WARM_UP = 20  # the cold caches of another core are left out
# The square of this matrix is the matrix itself, exactly.
_MATRIX = np.full((SIZE, SIZE), 1 / SIZE, np.float32)
_PRODUCT = np.empty_like(_MATRIX)


def measure_kernel(core: int) -> float:
    """Return the seconds that the reference kernel takes on a core.

    Raises OSError if this process may not use the core, RuntimeError if a product is wrong.
    """
    with pin([core]):
        _multiply(WARM_UP)
        _PRODUCT.fill(0)
        _, seconds = time_call(_multiply, REPEATS)
    if not np.array_equal(_PRODUCT, _MATRIX):
        raise RuntimeError("NumPy's matrix product is wrong. Reinstall NumPy")
    return seconds


def _multiply(repeats: int) -> None:
    for _ in range(repeats):
        np.matmul(_MATRIX, _MATRIX, out=_PRODUCT)


@contextmanager
def pin(cores: Collection[int]) -> Iterator[None]:
    """Let the calling thread, and what it starts in a block, use these cores; not on macOS."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
