"""List the NVIDIA GPUs, select the one that trains, and read its state with NVML."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.errors import suggest_install

VISIBLE = "CUDA_VISIBLE_DEVICES"
MIG = "MIG-"
# What can hold the clocks down, and NVML's counter of how long it did.
LIMITS = {
    "power": "NVML_PERF_POLICY_POWER",
    "heat": "NVML_PERF_POLICY_THERMAL",
    "board": "NVML_PERF_POLICY_BOARD_LIMIT",
    "reliability": "NVML_PERF_POLICY_RELIABILITY",
}
# The energy counter moves every 20 to 100 ms, and an H100 looks at its power a quarter of the time
# (https://arxiv.org/abs/2312.02741): shorter measurements are not published.
MIN_ENERGY_SECONDS = 2.0
# What the bits of nvmlDeviceGetCurrentClocksEventReasons mean for a measurement; a display's clocks
# are left out. Source:
# https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
IDLE = 0x1
CLOCK_REASONS = {
    0x2: "application clocks",
    0x4: "the power cap",
    0x8: "the hardware",
    0x10: "another GPU (sync boost)",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "the power brake of the power supply",
}
PROHIBITED = 2  # the compute mode in which no process may compute
# The training images and the copies that a program makes of them (COPIES in planning/cases.py) are
# 0.7 GiB. A CUDA context and the libraries' own memory are a few hundred MiB more.
MIN_FREE_BYTES = 2 * 2**30


class NvmlError(Exception):
    """NVML cannot be asked or does not know; the message says why."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How something is that was looked at.

    remedy: what to do about it; empty where nothing is to be done. blocks: no program can train.
    """

    subject: str
    text: str
    remedy: str = ""
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    index: int  # in the order of the PCI bus
    name: str
    uuid: str
    driver: str  # its version
    cuda: str  # the newest CUDA that the driver serves


def list_gpus() -> list[Gpu]:
    """Return the GPUs in the driver's order. Raises NvmlError.

    A GPU without a name, because it is lost or may not be asked, is left out. NVML is never shut
    down: as long as the process that measures has it open, the driver stays loaded, also without
    persistence mode, and no worker's import or set-up has to wait for it.
    """
    _call("nvmlInit")
    driver = str(_call("nvmlSystemGetDriverVersion"))
    cuda = int(_call("nvmlSystemGetCudaDriverVersion_v2"))  # 13010 is 13.1
    served = f"{cuda // 1000}.{cuda % 1000 // 10}"
    gpus = []
    for index in range(_call("nvmlDeviceGetCount")):
        try:
            handle = _call("nvmlDeviceGetHandleByIndex", index)
            name = str(_call("nvmlDeviceGetName", handle))
            uuid = str(_call("nvmlDeviceGetUUID", handle))
        except NvmlError:
            continue
        gpus.append(Gpu(index, name, uuid, driver, served))
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
    indices = ", ".join(str(gpu.index) for gpu in gpus) or "none"
    raise NvmlError(f"there is no GPU {token} ({VISIBLE}); the driver knows {indices}")


def explain_absence() -> str | None:
    """Return why no framework can see an NVIDIA GPU; None where one should, and on macOS."""
    if sys.platform == "darwin":
        return None
    token = get_visible_gpu()
    if token in {"", "-1"}:
        return f"{VISIBLE} hides every GPU. Unset it"
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
    """Memory, clocks, limits, temperature and energy of one GPU, read by the parent of a worker.

    Create it before the worker starts. Where NVML does not know the GPU, or MIG divides it,
    all readings are None.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._handle: Any = None
        with suppress(NvmlError):
            index = select_gpu(token, list_gpus()).index
            self._handle = _call("nvmlDeviceGetHandleByIndex", index)
        mig = self._ask("nvmlDeviceGetMigMode")
        self.divided = token.startswith(MIG) or bool(mig and mig[0])
        if self.divided:  # the driver counts for the whole GPU
            self._handle = None
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses")
        self.other_processes = None if processes is None else len(processes)
        self._used_before = self._read_used_bytes()

    def read_peak_bytes(self) -> int | None:
        """Return by how much the memory in use has grown since the monitor was created.

        After the last epoch this is the peak that the worker reserved, its context included: the
        allocators of the frameworks keep what they have taken, and take nothing in advance (see
        the variables of a worker), but more than they need. Memory that another process takes is
        counted, too. None where it is not known, and where it has not grown: then other processes
        have freed some.
        """
        used = self._read_used_bytes()
        if used is None or self._used_before is None or used <= self._used_before:
            return None
        return used - self._used_before

    def read_conditions(self) -> dict[str, float | None]:
        """Return temperature (degrees Celsius), clocks (MHz), and counters.

        power_seconds and so on: how long each of LIMITS has held the clocks down since the driver
        was loaded; only differences mean something. The clocks are those of a GPU that has just
        become idle.
        """
        limits = {
            f"{name}_seconds": None if status is None else status.violationTime / 1e9
            for name, policy in LIMITS.items()
            for status in [self._ask("nvmlDeviceGetViolationStatus", policy)]
        }
        return {
            "celsius": self._ask("nvmlDeviceGetTemperature", "NVML_TEMPERATURE_GPU"),
            "sm_mhz": self._ask("nvmlDeviceGetClockInfo", "NVML_CLOCK_SM"),
            "memory_mhz": self._ask("nvmlDeviceGetClockInfo", "NVML_CLOCK_MEM"),
            **limits,
        }

    def examine(self) -> Iterator[Diagnosis]:
        """Yield the settings of the GPU and its state, as far as NVML knows them."""
        if self.divided:
            yield Diagnosis(
                "MIG",
                "on: memory, energy, temperature and clocks are not read, because the driver "
                "counts for the whole GPU",
                "Switch it off (nvidia-smi -mig 0) if other users can do without their parts",
            )
            return
        yield from self._examine_settings()
        yield from self._examine_state()

    def _examine_settings(self) -> Iterator[Diagnosis]:
        """Yield what an administrator has set. NVML does not tell of locked clocks."""
        if self._handle is not None:
            yield Diagnosis("MIG", "off")
        if self._ask("nvmlDeviceGetComputeMode") == PROHIBITED:
            remedy = "Allow it (nvidia-smi -c 0)"
            yield Diagnosis("compute mode", "no process may compute", remedy, blocks=True)
        persistent = self._ask("nvmlDeviceGetPersistenceMode")
        if persistent is not None:
            off = "off: the driver starts anew for the first process after a pause"
            remedy = "" if persistent else "Switch it on (nvidia-smi -pm 1)"
            yield Diagnosis("persistence mode", "on" if persistent else off, remedy)
        cap = self._ask("nvmlDeviceGetEnforcedPowerLimit")  # milliwatts
        default = self._ask("nvmlDeviceGetPowerManagementDefaultLimit")
        if cap is not None and cap < (default or 0):
            text = f"{cap / 1000:g} W, below its maker's {default / 1000:g} W"
            yield Diagnosis("power limit", text, "Raise it (nvidia-smi -pl)")
        elif cap is not None:
            yield Diagnosis("power limit", f"{cap / 1000:g} W")
        sharing = self._ask("nvmlDeviceGetMPSComputeRunningProcesses")
        if sharing is not None:
            on = f"on: {len(sharing)} processes share the GPU"
            remedy = "Stop it (echo quit | nvidia-cuda-mps-control)" if sharing else ""
            yield Diagnosis("MPS", on if sharing else "off, or unused", remedy)

    def _examine_state(self) -> Iterator[Diagnosis]:
        """Yield clocks, memory and other processes, as they are now."""
        clock = self._ask("nvmlDeviceGetClockInfo", "NVML_CLOCK_SM")
        most = self._ask("nvmlDeviceGetMaxClockInfo", "NVML_CLOCK_SM")
        if clock is not None and most is not None:
            yield Diagnosis(
                "clocks", f"{clock:g} MHz now, {most:g} MHz at most; NVML does not see locked ones"
            )
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:  # the name before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if reasons is not None:
            limits = [text for bit, text in CLOCK_REASONS.items() if reasons & bit]
            remedy = "Cool it, or reset its clocks (nvidia-smi -rac)"
            text = "nothing holds the clocks down now"
            if limits:
                text = f"the clocks are held down by {' and '.join(limits)}"
            elif reasons & IDLE:
                text = "not known, because the GPU is idle; a run counts it under load"
            yield Diagnosis("throttling", text, remedy if limits else "")
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        if memory is not None:
            free = memory.total - memory.used
            text = f"{free / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
            remedy = "End the process that holds it (nvidia-smi names it)"
            yield Diagnosis("memory", text, remedy if free < MIN_FREE_BYTES else "")
        if self.other_processes:
            remedy = f"End them, or choose another GPU ({VISIBLE})"
            text = f"{self.other_processes} compute on GPU {self._token}"
            yield Diagnosis("other processes", text, remedy)
        elif self.other_processes is not None:
            yield Diagnosis("other processes", "none")

    def read_joules(self) -> float | None:
        """Return the energy since the driver was loaded; see ``subtract_joules``."""
        millijoules = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000

    def _ask(self, function: str, *constants: str) -> Any:
        """Return what NVML answers about the GPU, None where it does not answer."""
        if self._handle is None:
            return None
        try:
            return _call(function, self._handle, *constants)
        except NvmlError:
            return None

    def _read_used_bytes(self) -> int | None:
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else int(memory.used)


def subtract_joules(before: float | None, after: float | None, seconds: float) -> float | None:
    """Return the energy between two readings that lie ``seconds`` apart.

    None where a reading is missing, and below MIN_ENERGY_SECONDS.
    """
    if before is None or after is None or seconds < MIN_ENERGY_SECONDS:
        return None
    return after - before


def _call(function: str, *arguments: Any) -> Any:
    """Call a function of NVML. Raises NvmlError with what NVML says.

    arguments: texts are names of NVML's constants.
    """
    try:
        nvml: Any = importlib.import_module("pynvml")
        values = (getattr(nvml, item) if isinstance(item, str) else item for item in arguments)
        return getattr(nvml, function)(*values)
    except ModuleNotFoundError as error:
        raise NvmlError(
            f"nvidia-ml-py, which reads GPUs, is not installed: {suggest_install('gpu')}"
        ) from error
    except Exception as error:  # also an old module, or a driver that does not fit it
        if type(error).__name__ == "NVMLError_LibraryNotFound":
            raise NvmlError("no NVIDIA driver is installed") from error
        raise NvmlError(f"NVML says: {error}") from error
