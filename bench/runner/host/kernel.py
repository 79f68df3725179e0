"""The reference kernel: fixed work whose time shows how fast a core is at this moment.

It is a product of 64 x 64 float32 matrices, repeated. OpenBLAS multiplies up to 64 * 64 * 64 =
262,144 elements on the calling thread, and may use threads on other cores above that (96 x 96 does
on Haswell and Zen). Source: SMP_THRESHOLD_MIN and GEMM_MULTITHREAD_THRESHOLD in OpenBLAS,
interface/gemm.c. Factor and product together take 32 KiB: they stay in the first-level cache, so
the kernel disturbs the caches of what it is timed beside as little as possible.

Memory has a state, too, which the kernel does not see: ``probe_memory``.
"""

import mmap
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from bench.worker.measure import time_call

SIZE = 64
REPEATS = 400  # 2 to 4 ms
WARM_UP = 20  # the cold caches of another core are left out
# The training images of Fashion-MNIST. Pages and repetitions take 5 ms.
IMAGES, PAGES, PROBES = (48_000, 784), 1024, 3
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


def probe_memory(core: int) -> dict[str, float]:
    """Return the seconds of three uses of memory on a core, the least of three but for the first.

    fill: of new memory as large as the training images, for which NumPy asks for huge pages; a
    system may have to get it from its host. gather: of 9,600 of the images in it, by 32 at random.
    page: of one small page that is mapped, touched and given back.
    """
    with pin([core]):
        images, batch = np.empty(IMAGES, np.float32), np.empty((32, IMAGES[1]), np.float32)
        _, fill = time_call(images.fill, 1)
        orders = np.random.default_rng(0).permutation(len(images))[:9600].reshape(-1, 32)
        gathers = [time_call(_gather, images, orders, batch)[1] for _ in range(PROBES)]
        pages = [time_call(_touch_pages)[1] / PAGES for _ in range(PROBES)]
    return {"fill_seconds": fill, "gather_seconds": min(gathers), "page_seconds": min(pages)}


def _gather(
    images: NDArray[np.float32], orders: NDArray[np.int64], batch: NDArray[np.float32]
) -> None:
    for order in orders:
        images.take(order, axis=0, out=batch, mode="clip")


def _touch_pages() -> None:
    with mmap.mmap(-1, PAGES * mmap.PAGESIZE) as memory:
        for place in range(0, len(memory), mmap.PAGESIZE):
            memory[place] = 1


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
