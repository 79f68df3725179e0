"""The cache of the CUDA driver's compiler: one for all workers of a measurement.

Where a framework has no code for a GPU, the driver compiles its PTX as kernels are loaded, which
can take minutes. With an empty cache in every worker, set-up and first epoch would measure that.
Source: https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_shared: ContextVar[Path | None] = ContextVar("shared", default=None)


@contextmanager
def share(folder: Path) -> Iterator[None]:
    """Let the workers that are started in a block share a folder, which is empty at first."""
    token = _shared.set(folder)
    try:
        yield
    finally:
        _shared.reset(token)


def find_shared() -> Path | None:
    """Return the folder of the shared cache; None outside of a block that shares one."""
    return _shared.get()
