"""What NVML tells of NVIDIA's GPUs: which there are, and how one of them does while it trains.

NVML's Python module, pynvml of the distribution nvidia-ml-py, is one file that needs the standard
library only, so that a child is lent the parent's whichever interpreter it runs on. Where there is
no such module, no driver, or a GPU of another make, nothing fails: it is absent, with the reason.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = "pynvml"
VISIBLE = "CUDA_VISIBLE_DEVICES"
MIG = "MIG-"
SHARED = "the GPU is divided (MIG), and the driver counts for the whole of it"


class NvmlError(Exception):
    """NVML does not tell; the message says why."""


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


def gpus() -> list[Gpu]:
    """Return the GPUs in the driver's order, which is that of the PCI bus; raises NvmlError.

    One that does not tell its name, because it is lost or is not ours to ask, is left out.
    """
    nvml = _begun()
    driver = str(_ask(nvml, "nvmlSystemGetDriverVersion"))
    cuda = int(_ask(nvml, "nvmlSystemGetCudaDriverVersion_v2"))  # 13010 is 13.1
    served = f"{cuda // 1000}.{cuda % 1000 // 10}"
    count = _ask(nvml, "nvmlDeviceGetCount")
    every = (_gpu(nvml, index, driver, served) for index in range(count))
    return [each for each in every if each is not None]


def found() -> list[Gpu]:
    """Return the GPUs that NVML tells of, none where it tells nothing."""
    try:
        return gpus()
    except NvmlError:
        return []


def _gpu(nvml: Any, index: int, driver: str, cuda: str) -> Gpu | None:
    try:
        handle = _ask(nvml, "nvmlDeviceGetHandleByIndex", index)
        name, uuid = (str(_ask(nvml, f"nvmlDeviceGet{what}", handle)) for what in ("Name", "UUID"))
    except NvmlError:
        return None
    clocks = [
        _number(nvml, name, handle, kind)
        for kind in (nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM)
        for name in ("nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo")
    ]
    return Gpu(index, name, uuid, driver, cuda, _memory(nvml, handle, "total"), *clocks)


def visible(variables: Mapping[str, str] = os.environ) -> str:
    """Return the one GPU that a child may see: the first that is left to us, or that there is."""
    return variables.get(VISIBLE, "0").split(",")[0].strip()


def why_none(variables: Mapping[str, str] = os.environ) -> str | None:
    """Say why no framework can see an NVIDIA GPU; None where one should, and on macOS."""
    if sys.platform == "darwin":
        return None
    if visible(variables) in {"", "-1"}:
        return f"{VISIBLE} hides every GPU; unset it"
    try:
        if not visible(variables).startswith(MIG):
            named(visible(variables), gpus())
    except NvmlError as error:
        return str(error)
    return None


def explained(reason: str | None) -> str:
    """Add to a framework's reason for seeing no GPU why there is none, or what its driver is."""
    return "; ".join(each for each in (reason, why_none() or _driver()) if each)


def _driver() -> str | None:
    """Say how new the driver is, as a framework may want a newer one; None where none is known."""
    known = [f"driver {each.driver} serves CUDA up to {each.cuda}" for each in found()]
    return known[0] if known else None


def named(token: str, among: list[Gpu]) -> Gpu:
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


def module() -> Path | None:
    """Return the file, or the folder, of NVML's Python module here; None where it is absent."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path


class Watch:
    """One GPU, watched by the process that trains on it; begun before a framework is imported."""

    def __init__(self, token: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        self.absent: str | None = None
        try:
            self._nvml = _begun()
            index = named(token, gpus()).index
            self._handle = _ask(self._nvml, "nvmlDeviceGetHandleByIndex", index)
            if _divided(self._nvml, self._handle):
                raise NvmlError(SHARED)  # noqa: TRY301 - absent, as for any other reason
        except NvmlError as error:
            self.absent = str(error)
        self.other_processes = self._others()
        self._before = self._used()

    def peak_bytes(self) -> int | None:
        """Return by how much the device's memory in use has grown since the watch began.

        After the last epoch this is the peak of what the process reserved, its context included:
        the frameworks' allocators keep what they have once taken, and nothing is taken ahead
        (bench/child.py). Another process on the GPU would be counted too. None where it is not
        known, and where the memory has not grown: then others have given some back.
        """
        used = self._used()
        if used is None or self._before is None or used <= self._before:
            return None
        return used - self._before

    def reading(self) -> dict[str, float | None]:
        """Return temperature (degrees Celsius), clocks (MHz), and why the clocks are lowered.

        throttle: NVML's clocks event reasons, a bit each.
        """
        return {
            "celsius": self._read("nvmlDeviceGetTemperature", "NVML_TEMPERATURE_GPU"),
            "sm_mhz": self._read("nvmlDeviceGetClockInfo", "NVML_CLOCK_SM"),
            "memory_mhz": self._read("nvmlDeviceGetClockInfo", "NVML_CLOCK_MEM"),
            "throttle": self._read("nvmlDeviceGetCurrentClocksEventReasons"),
        }

    def energy(self) -> int | str:
        """Return millijoules since the driver was loaded, or why they cannot be read."""
        if self.absent is not None:
            return self.absent
        try:
            return int(_ask(self._nvml, "nvmlDeviceGetTotalEnergyConsumption", self._handle))
        except NvmlError as error:
            return f"the GPU's energy counter: {error}"

    def energy_since(self, before: int | str) -> tuple[float | None, str | None]:
        """Return joules since an earlier reading, or None and why."""
        after = self.energy()
        for each in (before, after):
            if isinstance(each, str):
                return None, each
        return (int(after) - int(before)) / 1000, None

    def _read(self, name: str, constant: str | None = None) -> float | None:
        if self.absent is not None:
            return None
        given = () if constant is None else (getattr(self._nvml, constant),)
        return _number(self._nvml, name, self._handle, *given)

    def _used(self) -> int | None:
        return None if self.absent is not None else _memory(self._nvml, self._handle, "used")

    def _others(self) -> int | None:
        """Count the processes that compute on the GPU; this one has not begun to."""
        if self.absent is not None:
            return None
        try:
            return len(_ask(self._nvml, "nvmlDeviceGetComputeRunningProcesses", self._handle))
        except NvmlError:
            return None


def _begun() -> Any:
    """Return NVML, ready to be asked; raises NvmlError."""
    try:
        nvml: Any = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise NvmlError(
            "nvidia-ml-py, which tells of GPUs, is not installed: pip install 'softmax-bench[gpu]'"
        ) from error
    _ask(nvml, "nvmlInit")
    return nvml


def _ask(nvml: Any, name: str, *given: Any) -> Any:
    """Call a function of NVML; raises NvmlError with what it says."""
    try:
        return getattr(nvml, name)(*given)
    except Exception as error:  # an old module, a driver that does not fit it: absent, all alike
        if type(error).__name__ == "NVMLError_LibraryNotFound":
            raise NvmlError("no NVIDIA driver is installed") from error
        raise NvmlError(f"NVML says: {error}") from error


def _divided(nvml: Any, handle: Any) -> bool:
    """Tell whether a GPU is divided; one that knows no MIG says that it is not supported."""
    try:
        return bool(_ask(nvml, "nvmlDeviceGetMigMode", handle)[0])
    except NvmlError:
        return False


def _memory(nvml: Any, handle: Any, what: str) -> int | None:
    """Return the bytes that there are in ``total``, or that are ``used``."""
    try:
        return int(getattr(_ask(nvml, "nvmlDeviceGetMemoryInfo", handle), what))
    except NvmlError:
        return None


def _number(nvml: Any, name: str, *given: Any) -> float | None:
    try:
        return float(_ask(nvml, name, *given))
    except NvmlError:
        return None
