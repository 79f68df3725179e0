"""Where and how a child runs: its interpreter, its cores, and the variables it gets."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Device
from bench.worker import gpu, machine

# The names of the parent's variables that a child gets, if set; nothing else gets through, so
# that a forgotten setting in someone's shell cannot decide a benchmark.
PASSED_ON = (
    "PATH",  # torch.compile looks for a C++ compiler there
    "CXX",  # or takes this one
    "LD_LIBRARY_PATH",  # site installations of CUDA
    "LANG",
    "LC_ALL",
    "COVERAGE_PROCESS_CONFIG",  # only the test suite sets it, to see the children's lines
)


@dataclass(frozen=True, slots=True)
class Installation:
    """What a child is made of: an interpreter, and the folder of the implementations."""

    python: str = sys.executable
    implementations: Path = machine.ROOT / "implementations"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """Where and how a child runs: place, threads, device, its own variables, limits.

    timeout: seconds. memory_limit: bytes that it may allocate, or None.
    """

    place: Installation = field(default_factory=Installation)
    threads: int | None = None
    device: Device = "cpu"
    variables: Mapping[str, str] | None = None
    timeout: float = 600.0
    memory_limit: int | None = None


def build_variables(child: ChildSpec, scratch: Path) -> dict[str, str]:
    """Return the variables that the harness sets: threads, precision, device, empty caches."""
    threads = str(child.threads or len(machine.usable_cores()))
    pools = ("OMP", "OPENBLAS", "MKL")
    return {
        **{f"{pool}_NUM_THREADS": threads for pool in pools},
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "NPROC": threads,  # XLA's thread pool
        "NVIDIA_TF32_OVERRIDE": "0",
        "TORCH_WARM_POOL": "0",  # PyTorch with CUDA would start processes that compile
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        **DEVICES[child.device],
        gpu.VISIBLE: gpu.visible_gpu() if child.device == "gpu" else "",
        **{name: str(scratch / "cache" / folder) for name, folder in CACHES.items()},
        "PYTHONPATH": str(scratch / "path"),
        "PYTHONSAFEPATH": "1",  # what lies in the current folder is never imported
        "PYTHONNOUSERSITE": "1",
        **(child.variables or {}),
    }


DEVICES: dict[Device, dict[str, str]] = {
    "cpu": {"JAX_PLATFORMS": "cpu"},
    "gpu": {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as NVML numbers them
        # Memory is taken as it is needed, or nobody could tell how much that was.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # in the process itself, not in others
    },
}
CACHES = {
    "HOME": "home",
    "KERAS_HOME": "keras",
    "TMPDIR": "tmp",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
    "XDG_CACHE_HOME": "xdg",
}


def redact_variables(child: ChildSpec) -> dict[str, str]:
    """Return the child's variables as the record keeps them: no path of this machine in them."""
    own = build_variables(child, Path("<scratch>"))
    return {**{name: "<passed on>" for name in PASSED_ON if name in os.environ}, **own}
