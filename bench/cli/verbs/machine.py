"""``bench machine``: this machine, its GPUs, and what would disturb a run on it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bench.cli.console import print_line
from bench.cli.options import Pythons

if TYPE_CHECKING:
    from bench.runner.gpu import Gpu, GpuSettings

KEY_WIDTH = 14


def machine(python: Pythons = None) -> None:
    """Describe this machine, its GPUs, and what would disturb a run on it."""
    from bench.runner import gpu
    from bench.runner.machine import describe, find_disturbances
    from bench.runner.planning.cases import list_probes
    from bench.runner.process import interpreters, preflight
    from bench.worker.machine import list_usable_cores

    pythons = interpreters.parse_options(python or ())
    settings = {
        one.index: gpu.GpuMonitor(str(one.index)).read_settings() for one in gpu.find_gpus()
    }
    for line in (*machine_lines(describe()), *gpu_lines(gpu.find_gpus(), settings)):
        print_line(line)
    for case in list_probes("gpu", len(list_usable_cores())):
        fault = preflight.find_device_fault(interpreters.assign_python(case, pythons))
        result = "sees the GPU" if fault is None else f"no GPU: {fault}"
        print_line(f"{case.framework:<{KEY_WIDTH}}{result}")
    for line in find_disturbances() or ["nothing found that would disturb a run"]:
        print_line(line)


def machine_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each fact of a machine, as the records have them."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, list):
            text = ", ".join(map(str, value)) or "none"
        else:
            text = str(value) if isinstance(value, bool | int) else value or "none"
        lines.append(f"{key:<{KEY_WIDTH}}{text}")
    return lines


def gpu_lines(gpus: "Iterable[Gpu]", settings: "Mapping[int, GpuSettings]") -> list[str]:
    """Return two lines for each GPU: name, memory and driver, and how it is set."""
    lines = []
    for gpu in gpus:
        memory = "memory not known"
        if gpu.memory_bytes is not None:
            memory = f"{gpu.memory_bytes / 2**30:.0f} GiB"
        lines.append(
            f"{f'gpu {gpu.index}':<{KEY_WIDTH}}{gpu.name}, {memory}; driver {gpu.driver} for CUDA "
            f"up to {gpu.cuda}"
        )
        lines.append(f"{'':<{KEY_WIDTH}}{describe_settings(settings[gpu.index])}")
    return lines


def describe_settings(settings: "GpuSettings") -> str:
    """Return how a GPU is set, as far as NVML knows."""
    words = {True: "on", False: "off", None: "not known"}

    def of(value: float | None, most: float | None, unit: str) -> str:
        return " of ".join("?" if n is None else f"{n:g}" for n in (value, most)) + f" {unit}"

    shared = settings.mps_processes
    return ", ".join(
        (
            f"persistence mode {words[settings.persistent]}",
            f"power cap {of(settings.watts, settings.default_watts, 'W')}",
            f"application clock {of(settings.megahertz, settings.max_megahertz, 'MHz')}",
            f"MPS processes {'?' if shared is None else shared}",
        )
    )
