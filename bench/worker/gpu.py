"""List the NVIDIA GPUs, select the one that trains, and read its state with NVML.

NVML's Python module, pynvml of the distribution nvidia-ml-py, needs the standard library only, so
that a worker can use the parent's copy on any interpreter.
"""

import importlib
import importlib.util
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = "pynvml"
VISIBLE = "CUDA_VISIBLE_DEVICES"
MIG = "MIG-"


class NvmlError(Exception):
    """NVML cannot be asked or does not know; the message says why."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. index: in the order of the PCI bus. memory_bytes: None where NVML does not know.

    driver: its version. cuda: the newest CUDA that the driver serves.
    """

    index: int
    name: str
    uuid: str
    driver: str
    cuda: str
    memory_bytes: int | None


def find_module() -> Path | None:
    """Return the file, or the folder, of NVML's Python module; None where it is not installed."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path


def list_gpus() -> list[Gpu]:
    """Return the GPUs in the driver's order. Raises NvmlError.

    A GPU without a name, because it is lost or may not be asked, is left out.
    """
    nvml = _import_nvml()
    driver = str(_call(nvml, "nvmlSystemGetDriverVersion"))
    cuda = int(_call(nvml, "nvmlSystemGetCudaDriverVersion_v2"))  # 13010 is 13.1
    served = f"{cuda // 1000}.{cuda % 1000 // 10}"
    gpus = []
    for index in range(_call(nvml, "nvmlDeviceGetCount")):
        try:
            handle = _call(nvml, "nvmlDeviceGetHandleByIndex", index)
            name = str(_call(nvml, "nvmlDeviceGetName", handle))
            uuid = str(_call(nvml, "nvmlDeviceGetUUID", handle))
        except NvmlError:
            continue
        memory = None
        with suppress(NvmlError):
            memory = int(_call(nvml, "nvmlDeviceGetMemoryInfo", handle).total)
        gpus.append(Gpu(index, name, uuid, driver, served, memory))
    return gpus


def find_gpus() -> list[Gpu]:
    """Return the GPUs that NVML knows; an empty list where NVML does not answer."""
    try:
        return list_gpus()
    except NvmlError:
        return []


def get_visible_gpu() -> str:
    """Return the one GPU that a worker may see: the first one that the user left visible, or 0."""
    return os.environ.get(VISIBLE, "0").split(",")[0].strip()


def select_gpu(token: str, gpus: list[Gpu]) -> Gpu:
    """Return the GPU that CUDA_VISIBLE_DEVICES means: an index, or how one UUID begins.

    Raises NvmlError where it means none, or several.
    """
    if token.startswith(MIG):
        raise NvmlError("MIG divides the GPU")
    selected = [
        gpu
        for gpu in gpus
        if token == str(gpu.index) or (token.startswith("GPU-") and gpu.uuid.startswith(token))
    ]
    if len(selected) == 1:
        return selected[0]
    known = ", ".join(str(gpu.index) for gpu in gpus) or "none"
    raise NvmlError(f"there is no GPU {token} ({VISIBLE}); the driver knows {known}")


def explain_absence() -> str | None:
    """Return why no framework can see an NVIDIA GPU; None where one should, and on macOS."""
    if sys.platform == "darwin":
        return None
    token = get_visible_gpu()
    if token in {"", "-1"}:
        return f"{VISIBLE} hides every GPU; unset it"
    try:
        if not token.startswith(MIG):
            select_gpu(token, list_gpus())
    except NvmlError as error:
        return str(error)
    return None


def explain_unavailable(reason: str | None) -> str:
    """Add to a framework's reason why there is no GPU, or else how new the driver is."""
    explanation = explain_absence()
    if explanation is None and (gpus := find_gpus()):
        explanation = f"driver {gpus[0].driver} serves CUDA up to {gpus[0].cuda}"
    return "; ".join(text for text in (reason, explanation) if text)


class GpuMonitor:
    """Memory, clocks, temperature and energy of one GPU, read by the process that trains on it.

    Create it before a framework is imported. Where NVML does not know the GPU, or MIG divides it,
    all readings are None.
    """

    def __init__(self, token: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        with suppress(NvmlError):
            self._nvml = _import_nvml()
            index = select_gpu(token, list_gpus()).index
            self._handle = _call(self._nvml, "nvmlDeviceGetHandleByIndex", index)
        mig = self._ask("nvmlDeviceGetMigMode")
        if mig is not None and mig[0]:  # the driver counts for the whole GPU
            self._handle = None
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses")
        self.other_processes = None if processes is None else len(processes)
        self._used_before = self._read_used_bytes()

    def read_peak_bytes(self) -> int | None:
        """Return by how much the memory in use has grown since the monitor was created.

        After the last epoch this is the peak that the process reserved, its context included: the
        allocators of the frameworks keep what they have taken, and take nothing in advance (see
        the variables of a worker). Memory that another process takes is counted, too. None where
        it is not known, and where it has not grown: then other processes have freed some.
        """
        used = self._read_used_bytes()
        if used is None or self._used_before is None or used <= self._used_before:
            return None
        return used - self._used_before

    def read_conditions(self) -> dict[str, float | None]:
        """Return temperature (degrees Celsius), clocks (MHz), and NVML's reasons for low clocks.

        throttle: NVML's clocks event reasons, one bit each.
        """
        return {
            "celsius": self._ask("nvmlDeviceGetTemperature", "NVML_TEMPERATURE_GPU"),
            "sm_mhz": self._ask("nvmlDeviceGetClockInfo", "NVML_CLOCK_SM"),
            "memory_mhz": self._ask("nvmlDeviceGetClockInfo", "NVML_CLOCK_MEM"),
            "throttle": self._ask("nvmlDeviceGetCurrentClocksEventReasons"),
        }

    def read_joules(self) -> float | None:
        """Return the energy since the driver was loaded."""
        millijoules = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000

    def _ask(self, function: str, *constants: str) -> Any:
        """Return what NVML answers about the GPU, None where it does not answer."""
        if self._handle is None:
            return None
        arguments = [getattr(self._nvml, constant) for constant in constants]
        try:
            return _call(self._nvml, function, self._handle, *arguments)
        except NvmlError:
            return None

    def _read_used_bytes(self) -> int | None:
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else int(memory.used)


def _import_nvml() -> Any:
    """Import and initialise NVML. Raises NvmlError."""
    try:
        nvml: Any = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise NvmlError(
            "nvidia-ml-py, which reads GPUs, is not installed: pip install 'softmax-bench[gpu]'"
        ) from error
    _call(nvml, "nvmlInit")
    return nvml


def _call(nvml: Any, function: str, *arguments: Any) -> Any:
    """Call a function of NVML. Raises NvmlError with what NVML says."""
    try:
        return getattr(nvml, function)(*arguments)
    except Exception as error:  # also an old module, or a driver that does not fit it
        if type(error).__name__ == "NVMLError_LibraryNotFound":
            raise NvmlError("no NVIDIA driver is installed") from error
        raise NvmlError(f"NVML says: {error}") from error
