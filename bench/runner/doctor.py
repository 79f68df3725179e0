"""Say what will work on the GPU, what will not, and why, before anything is measured there."""

import sys
from collections.abc import Iterator, Mapping

from bench.planning.cases import assign_python
from bench.records.cases import make_case
from bench.runner.host import gpu
from bench.runner.host.gpu import Diagnosis, GpuMonitor, NvmlError
from bench.runner.process import preflight, scratch
from bench.runner.process.spec import share_ptx_cache
from bench.worker.machine import list_usable_cores
from implementations import IMPLEMENTATIONS

CUDA_BUILD = (
    "Install a CUDA build. Pip prefers an index of CPU builds in PIP_INDEX_URL or "
    "PIP_EXTRA_INDEX_URL, and tensorflow-cpu is one, too"
)
# What to do about a reason of a framework or of NVML, by words of it. The first that is in the
# reason counts: a framework's own reason is more precise than that of the driver, which follows it.
REMEDIES = {
    "CPU-only build": CUDA_BUILD,
    "not compiled with CUDA": CUDA_BUILD,  # PyTorch below Keras
    "driver on your system is too old": "Install a newer driver, or a build for an older CUDA",
    "no kernel image is available": "The build has no code for this GPU. Install another one",
    "no plugin for one is installed": "Run pip install 'jax[cuda13]', or 'jax[cuda12]' with a "
    "driver older than 580",
    "no platforms that are instances of gpu": "There is no /dev/nvidia0. Install the driver, or "
    "start the container with --gpus all",
    "Unable to initialize backend": "Install a newer driver, or unset an LD_LIBRARY_PATH with "
    "another CUDA",
    "is built for CUDA": "Run pip install 'tensorflow[and-cuda]', or install the driver",
    "No PTX compilation provider": "Run pip install 'tensorflow[and-cuda]', and unset an "
    "LD_LIBRARY_PATH with another CUDA",
    "needs a compiler": "Run apt-get install gcc python3-dev",
    "out of memory": "End the process that holds it (nvidia-smi names it)",
    "is not installed": "",  # the reason has the command
    "no NVIDIA driver": "Install it, or start the container with --gpus all (Apptainer: --nv)",
    "the driver knows none": "Look for it (lspci). Start the container with --gpus all",
    f"({gpu.VISIBLE})": f"Unset {gpu.VISIBLE}, or use a number that nvidia-smi shows",
    f"{gpu.VISIBLE} hides": "",
    "version mismatch": "Reboot, so that the driver and its library are of one version",
}
UNKNOWN = "docs/gpu.md lists other reasons. If it is not among them, report it"


def examine_gpu() -> Iterator[Diagnosis]:
    """Yield what NVML knows of the driver, and of the GPU that a worker would see."""
    if sys.platform == "darwin":
        yield Diagnosis("driver", "none on macOS: memory, energy and clocks are not read")
        return
    token = gpu.get_visible_gpu()
    try:
        gpus = gpu.list_gpus()
        absence = gpu.explain_absence() or (None if gpus else "the driver knows none")
    except NvmlError as error:
        gpus, absence = [], str(error)
    if absence is not None:
        if "nvidia-ml-py" in absence:  # frameworks may see the GPU all the same
            remedy = "Without it memory, clocks and energy are not read"
            yield Diagnosis("driver", absence, remedy)
        else:
            yield Diagnosis("driver", absence, find_remedy(absence), blocks=True)
        return
    yield Diagnosis("driver", f"{gpus[0].driver}, for CUDA up to {gpus[0].cuda}; NVML answers")
    monitor = GpuMonitor(token)
    with_parts = token.startswith(gpu.MIG)
    device = gpus[0] if with_parts else gpu.select_gpu(token, gpus)
    text = f"{device.name}, number {device.index}"
    if with_parts:
        text = f"a part of one of {len(gpus)} ({token})"
    elif len(gpus) > 1:
        text += f" of {len(gpus)}: one is measured, and {gpu.VISIBLE} chooses it"
    yield Diagnosis("gpu", text)
    yield from monitor.examine()


def examine_programs(pythons: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Let each program that is always measured train a step on the GPU; yield how it ended.

    pythons: the executable of a framework that has a Python of its own. Raises UserError where one
    of them cannot be used.
    """
    entries = [entry for entry in IMPLEMENTATIONS if entry.always and "gpu" in entry.devices]
    with scratch.make_folder() as folder, share_ptx_cache(folder / "cuda"):
        for entry in entries:
            case = make_case(entry, device="gpu", threads=len(list_usable_cores()))
            fault = preflight.find_device_fault(assign_python(case, pythons))
            if fault is None:
                yield Diagnosis(entry.name, "trains a step")
            else:
                yield Diagnosis(entry.name, fault, find_remedy(fault), blocks=True)


def find_remedy(reason: str) -> str:
    """Return what to do about a reason; empty where the reason says it."""
    reason = reason.casefold()
    return next(
        (remedy for words, remedy in REMEDIES.items() if words.casefold() in reason), UNKNOWN
    )
