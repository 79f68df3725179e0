"""One GPU, watched by the process that trains on it: memory, clocks, heat and energy.

Where NVML is not there, or says nothing of the GPU, nothing fails: it is absent, with the reason.
"""

from typing import Any

from bench import nvml
from bench.gpu import SHARED, list_gpus, select_gpu
from bench.nvml import NvmlError


class GpuMonitor:
    """One GPU, watched by the process that trains on it; begun before a framework is imported."""

    def __init__(self, token: str) -> None:
        self._module: Any = None
        self._handle: Any = None
        self.absent: str | None = None
        try:
            self._module = nvml.start()
            index = select_gpu(token, list_gpus()).index
            self._handle = nvml.call(self._module, "nvmlDeviceGetHandleByIndex", index)
            if _divided(self._module, self._handle):
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
            return int(nvml.call(self._module, "nvmlDeviceGetTotalEnergyConsumption", self._handle))
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
        given = () if constant is None else (getattr(self._module, constant),)
        return nvml.read_number(self._module, name, self._handle, *given)

    def _used(self) -> int | None:
        return (
            None
            if self.absent is not None
            else nvml.read_memory(self._module, self._handle, "used")
        )

    def _others(self) -> int | None:
        """Count the processes that compute on the GPU; this one has not begun to."""
        if self.absent is not None:
            return None
        try:
            return len(
                nvml.call(self._module, "nvmlDeviceGetComputeRunningProcesses", self._handle)
            )
        except NvmlError:
            return None


def _divided(module: Any, handle: Any) -> bool:
    """Tell whether a GPU is divided; one that knows no MIG says that it is not supported."""
    try:
        return bool(nvml.call(module, "nvmlDeviceGetMigMode", handle)[0])
    except NvmlError:
        return False
