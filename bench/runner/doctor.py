"""Say what will work on the GPU, and what would disturb a run, before anything is measured."""

import os
import select
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.planning.cases import assign_python, make_case
from bench.runner.host import gpu
from bench.runner.host.gpu import Diagnosis, GpuMonitor, NvmlError
from bench.runner.host.machine import compare_readings, read_conditions, read_text
from bench.runner.process import preflight, scratch
from bench.worker.machine import list_usable_cores, read_cgroup_quota
from implementations import IMPLEMENTATIONS

# The services of a quiet machine take less than this share of its processors.
OTHERS_SHARE = 0.05
WATCH_SECONDS = 1.0
REPORTING = 5  # the place of free page reporting in the features of a virtio balloon
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


def diagnose_gpu() -> Iterator[Diagnosis]:
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
    with scratch.make_folder() as folder, scratch.share_ptx_cache(folder / "cuda"):
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


def find_disturbances(root: Path = Path("/")) -> list[str]:
    """Return what would disturb a run on this machine, and what to do about it. Takes a second."""
    disturbances = [*_check_settings(root), *_check_memory(root)]
    token = gpu.get_visible_gpu()
    disturbances += [
        f"GPU {token}: {finding.subject} {finding.text}. {finding.remedy}"
        for finding in GpuMonitor(token).examine()
        if finding.remedy
    ]
    before = read_conditions(root)
    select.select([], [], [], WATCH_SECONDS)
    conditions = compare_readings(before, read_conditions(root))
    cores = os.cpu_count() or 1
    share = (conditions["others_seconds"] or 0) / ((conditions["seconds"] or WATCH_SECONDS) * cores)
    if share > OTHERS_SHARE:
        disturbances.append(
            f"other processes take {share:.0%} of the {cores} cores. End them, or wait"
        )
    if (conditions["steal_seconds"] or 0) > 0:
        disturbances.append(
            "the hypervisor gives this machine's time to others (steal). "
            "Measure when they are quiet, or on a machine of its own"
        )
    return disturbances


def _check_settings(root: Path) -> Iterator[str]:
    """Yield the settings of processors and container that make times vary."""
    cpu = root / "sys/devices/system/cpu"
    cores = list_usable_cores()
    governors = {read_text(cpu / f"cpu{core}/cpufreq/scaling_governor") for core in cores} - {""}
    if governors - {"performance"}:
        yield (
            f"the frequency governor is {' and '.join(sorted(governors))}: the clock follows the "
            "load. Choose performance (cpupower frequency-set -g performance)"
        )
    if read_text(cpu / "intel_pstate/no_turbo") == "0" or read_text(cpu / "cpufreq/boost") == "1":
        yield (
            "turbo is on: the clock depends on heat and on how many cores work. Switch it off "
            "(write 1 to intel_pstate/no_turbo, or 0 to cpufreq/boost, in /sys/devices/system/cpu)"
        )
    if "[never]" in read_text(root / "sys/kernel/mm/transparent_hugepage/enabled"):
        yield (
            "huge pages are off, so programs that gather images are slower. Write madvise to "
            "/sys/kernel/mm/transparent_hugepage/enabled"
        )
    shared = [str(core) for core in cores if len(_read_siblings(cpu, core) & set(cores)) > 1]
    if shared:
        yield (
            f"cores {', '.join(shared)} are hardware threads that share a core with "
            "another of them. Choose one of each pair (taskset -c), or switch SMT off"
        )
    quota = read_cgroup_quota(root / "sys/fs/cgroup/cpu.max")
    if quota is not None and quota < len(os.sched_getaffinity(0)):
        yield (
            f"a container's quota of {quota:g} cores stops all threads when it is used up. Bind "
            "whole cores to it (cpuset) and lift the quota"
        )


def _check_memory(root: Path) -> Iterator[str]:
    """Yield what takes away memory that programs use, or will use again."""
    for daemon in (root / "sys/kernel/mm/damon/admin/kdamonds").glob("[0-9]*"):
        actions = {read_text(path) for path in daemon.glob("contexts/*/schemes/*/action")}
        if read_text(switch := daemon / "state") == "on" and "pageout" in actions:
            yield (
                "the kernel takes away what no program has read for a while (DAMON pageout), so a "
                "start reads from the disk again; on a fast one that costs less than the noise. To "
                f"stop it, write off to /{switch.relative_to(root)}"
            )
    for features in (root / "sys/bus/virtio/drivers/virtio_balloon").glob("virtio*/features"):
        if read_text(features)[REPORTING : REPORTING + 1] == "1":
            yield (
                "the hypervisor takes back free memory (balloon with free page reporting), so new "
                "memory may be slower. Measure on a machine of its own"
            )
    if read_text(root / "sys/kernel/mm/ksm/run") == "1":
        yield (
            "the kernel merges equal pages (KSM), so writing to one copies it. Write 0 to "
            "/sys/kernel/mm/ksm/run"
        )
    if (limit := read_text(root / "sys/fs/cgroup/memory.high")) not in {"", "max"}:
        yield (
            f"a container's memory.high of {int(limit) >> 20:,} MiB slows programs that need more. "
            "Lift it"
        )


def _read_siblings(cpu: Path, core: int) -> set[int]:
    """Return the hardware threads of a core, from lists such as ``0,4`` or ``0-1``."""
    siblings: set[int] = set()
    text = read_text(cpu / f"cpu{core}/topology/thread_siblings_list")
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        siblings |= set(range(int(first), int(last or first) + 1))
    return siblings
