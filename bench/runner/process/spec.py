"""What a worker gets: its installation, cores, variables and limits, and its request."""

import os
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contract import Device
from bench.data.dataset import Dataset
from bench.errors import UserError, suggest_install
from bench.records.schema import Case, parse_variables
from bench.runner.host import gpu
from bench.runner.process.scratch import CACHES, ptx_cache
from bench.worker import machine

# The only variables of the parent that a worker gets, so that a forgotten setting in somebody's
# shell cannot decide a benchmark.
PASSED_ON = (
    "PATH",  # torch.compile looks for a C++ compiler there
    "CXX",  # or takes this one
    "CC",  # Triton, which compiles for GPUs, and tinygrad take this C compiler
    "CPATH",  # headers of Python outside of the compiler's own folders
    "CUDA_HOME",
    "LD_LIBRARY_PATH",  # site installations of CUDA
    "TRITON_PTXAS_PATH",
    "TRITON_LIBCUDA_PATH",
    "LANG",
    "LC_ALL",
    "COVERAGE_PROCESS_CONFIG",  # only the test suite sets it, to measure the workers' lines
)
THREAD_COUNTS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "NPROC",  # XLA's thread pool
)
DEVICES: dict[Device, dict[str, str]] = {
    "cpu": {"JAX_PLATFORMS": "cpu"},
    "gpu": {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as NVML numbers them
        # Memory is taken when it is needed: otherwise nobody could tell how much that is.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # compile in the process itself, not in others
        "CUDA_CACHE_MAXSIZE": str(2**32),  # the most that the driver allows
    },
}
# Those in which nothing is a compile cache: settings, and what a program writes for the moment.
NO_COMPILE_CACHES = {"KERAS_HOME", "TMPDIR"}


@dataclass(frozen=True, slots=True)
class Installation:
    """An interpreter and the folder of the implementations.

    path: a folder that is searched for modules before those of the interpreter.
    """

    python: str = sys.executable
    implementations: Path = field(default_factory=lambda: machine.ROOT / "implementations")
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """Where and how a worker runs."""

    installation: Installation = field(default_factory=Installation)
    threads: int | None = None  # cores and threads that it gets; None for all usable ones
    device: Device = "cpu"
    variables: Mapping[str, str] = field(default_factory=dict)  # its own ones
    timeout: float = 600.0  # seconds
    # The folder of ``share_ptx_cache``, or None outside of a block.
    ptx_cache: Path | None = field(default_factory=ptx_cache.get)


def build_variables(child: ChildSpec, scratch: Path) -> dict[str, str]:
    """Return the variables that the suite sets: threads, precision, device, empty caches."""
    threads = str(child.threads or len(machine.list_usable_cores()))
    shared = child.ptx_cache if child.device == "gpu" else None
    own_path = child.installation.path
    return {
        **dict.fromkeys(THREAD_COUNTS, threads),
        "NVIDIA_TF32_OVERRIDE": "0",
        "TORCH_WARM_POOL": "0",  # PyTorch with CUDA would start processes that compile
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        **DEVICES[child.device],
        gpu.VISIBLE: gpu.get_visible_gpu() if child.device == "gpu" else "",
        **{name: str(scratch / "cache" / folder) for name, folder in CACHES.items()},
        **({"CUDA_CACHE_PATH": str(shared)} if shared else {}),
        # First ours: a project may have a package of the same name.
        "PYTHONPATH": os.pathsep.join(map(str, filter(None, (scratch / "path", own_path)))),
        "PYTHONSAFEPATH": "1",  # nothing is imported from the current folder
        "PYTHONNOUSERSITE": "1",
        **child.variables,
    }


def count_cache_bytes(scratch: Path) -> int:
    """Return the bytes that a worker left in the folders of compile caches."""
    folders = (scratch / "cache" / CACHES[name] for name in CACHES.keys() - NO_COMPILE_CACHES)
    paths = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_size for path in paths if path.is_file())


def move_compile_caches(source: Path, target: Path) -> None:
    """Move the compile caches of one worker's folder into another; a link in their place stays."""
    for name in CACHES.keys() - NO_COMPILE_CACHES:
        path = source / "cache" / CACHES[name]
        if path.is_dir() and not path.is_symlink():
            (target / "cache").mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target / "cache" / path.name, ignore_errors=True)
            path.rename(target / "cache" / path.name)


def parse_env(
    texts: Iterable[str], devices: Iterable[Device], implementations: Collection[str] = ()
) -> dict[str, str]:
    """Return the variables of ``NAME=VALUE`` texts for the processes of programs.

    implementations: those that are named; only files of a user's own get a backend of Keras.
    devices: of which the suite sets variables of its own; none for a plan that is resumed, because
    its variables were accepted when it was made. Raises UserError where ``parse_variables`` does,
    and for a name by which the suite itself decides what is measured, or how. Others may change
    what a library computes: parity judges that.
    """
    only_files = bool(implementations) and all(name.endswith(".py") for name in implementations)
    ours = build_variables(ChildSpec(), Path()).keys() - DEVICES["cpu"].keys()
    ours = ours.union(*(DEVICES[device] for device in devices))
    env = parse_variables(texts)
    for name in env:
        if name in THREAD_COUNTS or name.endswith("_NUM_THREADS"):
            fault = "--threads gives the number of threads"
        elif name in ours or name.endswith("_CACHE_DIR"):
            fault = "the suite decides it, so that all are measured alike"
        elif name == "KERAS_BACKEND" and not only_files:
            fault = (
                "an implementation has its backend, such as keras-jax; a file of yours may get one"
            )
        else:
            continue
        raise UserError(f"{name} cannot be set: {fault}. Leave it out")
    return env


def redact_variables(child: ChildSpec) -> dict[str, str]:
    """Return the worker's variables as a record keeps them, without paths of this machine."""
    passed_on = {name: "<passed on>" for name in PASSED_ON if name in os.environ}
    if child.ptx_cache:
        child = replace(child, ptx_cache=Path("<run>"))
    return {**passed_on, **build_variables(child, Path("<scratch>"))}


def request_training(case: Case, data: Dataset) -> dict[str, object]:
    """Return the request to train a case; it does not say what the trial is used for."""
    return {
        "mode": "trial",
        **describe_source(case),
        "data": str(data.folder),
        "classes": data.classes,
        "workload": case.workload,
        "device": case.device,
        "batch_size": case.batch_size,
        "samples": case.samples,
    }


def describe_source(case: Case) -> dict[str, object]:
    """Return the part of a request that says what to import."""
    file = None if case.file is None else str(Path(case.file).resolve())
    install = suggest_install(case.extra) if case.extra else ""
    return {"module": case.module, "file": file, "install": install}
