"""NVIDIA's GPUs: which there are, which of them is used, and why none is seen."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench import nvml
from bench.nvml import NvmlError

VISIBLE = "CUDA_VISIBLE_DEVICES"
MIG = "MIG-"
SHARED = "the GPU is divided (MIG), and the driver counts for the whole of it"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; memory, and clocks in MHz now and at most: None where it does not tell.

    driver: its version; cuda: the newest CUDA that the driver serves.
    """

    index: int
    name: str
    uuid: str
    driver: str
    cuda: str
    memory_bytes: int | None
    sm_mhz: float | None
    most_sm_mhz: float | None
    memory_mhz: float | None
    most_memory_mhz: float | None


def list_gpus() -> list[Gpu]:
    """Return the GPUs in the driver's order, which is that of the PCI bus; raises NvmlError.

    One that does not tell its name, because it is lost or is not ours to ask, is left out.
    """
    module = nvml.start()
    driver = str(nvml.call(module, "nvmlSystemGetDriverVersion"))
    cuda = int(nvml.call(module, "nvmlSystemGetCudaDriverVersion_v2"))  # 13010 is 13.1
    served = f"{cuda // 1000}.{cuda % 1000 // 10}"
    count = nvml.call(module, "nvmlDeviceGetCount")
    every = (_gpu(module, index, driver, served) for index in range(count))
    return [each for each in every if each is not None]


def find_gpus() -> list[Gpu]:
    """Return the GPUs that NVML tells of, none where it tells nothing."""
    try:
        return list_gpus()
    except NvmlError:
        return []


def _gpu(module: Any, index: int, driver: str, cuda: str) -> Gpu | None:
    try:
        handle = nvml.call(module, "nvmlDeviceGetHandleByIndex", index)
        name, uuid = (
            str(nvml.call(module, f"nvmlDeviceGet{what}", handle)) for what in ("Name", "UUID")
        )
    except NvmlError:
        return None
    clocks = [
        nvml.read_number(module, name, handle, kind)
        for kind in (module.NVML_CLOCK_SM, module.NVML_CLOCK_MEM)
        for name in ("nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo")
    ]
    return Gpu(index, name, uuid, driver, cuda, nvml.read_memory(module, handle, "total"), *clocks)


def visible_gpu(variables: Mapping[str, str] = os.environ) -> str:
    """Return the one GPU that a child may see: the first that is left to us, or that there is."""
    return variables.get(VISIBLE, "0").split(",")[0].strip()


def explain_absence(variables: Mapping[str, str] = os.environ) -> str | None:
    """Say why no framework can see an NVIDIA GPU; None where one should, and on macOS."""
    if sys.platform == "darwin":
        return None
    if visible_gpu(variables) in {"", "-1"}:
        return f"{VISIBLE} hides every GPU; unset it"
    try:
        if not visible_gpu(variables).startswith(MIG):
            select_gpu(visible_gpu(variables), list_gpus())
    except NvmlError as error:
        return str(error)
    return None


def explain_unavailable(reason: str | None) -> str:
    """Add to a framework's reason for seeing no GPU why there is none, or what its driver is."""
    return "; ".join(each for each in (reason, explain_absence() or _driver()) if each)


def _driver() -> str | None:
    """Say how new the driver is, as a framework may want a newer one; None where none is known."""
    known = [f"driver {each.driver} serves CUDA up to {each.cuda}" for each in find_gpus()]
    return known[0] if known else None


def select_gpu(token: str, among: list[Gpu]) -> Gpu:
    """Return the GPU that CUDA_VISIBLE_DEVICES means: an index, or the one UUID that begins so.

    Raises NvmlError where it means none, or several.
    """
    if token.startswith(MIG):
        raise NvmlError(SHARED)
    meant = [each for each in among if token == str(each.index)
             or (token.startswith("GPU-") and each.uuid.startswith(token))]  # fmt: skip
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(str(each.index) for each in among) or "none"
    raise NvmlError(f"there is no GPU {token} ({VISIBLE}); the driver knows {known}")
