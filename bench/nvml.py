"""NVML, NVIDIA's own word on its GPUs: asked so that whatever fails is absent, with the reason.

Its Python module, pynvml of the distribution nvidia-ml-py, is one file that needs the standard
library only, so that a child is lent the parent's whichever interpreter it runs on.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

MODULE = "pynvml"


class NvmlError(Exception):
    """NVML does not tell; the message says why."""


def find_module() -> Path | None:
    """Return the file, or the folder, of NVML's Python module here; None where it is absent."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path


def start() -> Any:
    """Return NVML, ready to be asked; raises NvmlError."""
    try:
        found: Any = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise NvmlError(
            "nvidia-ml-py, which tells of GPUs, is not installed: pip install 'softmax-bench[gpu]'"
        ) from error
    call(found, "nvmlInit")
    return found


def call(module: Any, name: str, *given: Any) -> Any:
    """Call a function of NVML; raises NvmlError with what it says."""
    try:
        return getattr(module, name)(*given)
    except Exception as error:  # an old module, a driver that does not fit it: absent, all alike
        if type(error).__name__ == "NVMLError_LibraryNotFound":
            raise NvmlError("no NVIDIA driver is installed") from error
        raise NvmlError(f"NVML says: {error}") from error


def read_memory(module: Any, handle: Any, what: str) -> int | None:
    """Return the bytes that there are in ``total``, or that are ``used``."""
    try:
        return int(getattr(call(module, "nvmlDeviceGetMemoryInfo", handle), what))
    except NvmlError:
        return None


def read_number(module: Any, name: str, *given: Any) -> float | None:
    """Return a number that a function of NVML tells; None where it does not."""
    try:
        return float(call(module, name, *given))
    except NvmlError:
        return None
