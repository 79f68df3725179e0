"""``bench machine``: this machine, its GPUs, and what would disturb a run on it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.cli.console import print_line
from bench.cli.options import Pythons

if TYPE_CHECKING:
    from bench.runner.gpu import Gpu

KEY_WIDTH = 14


def machine(python: Pythons = None) -> None:
    """Describe this machine, its GPUs, and what would disturb a run on it."""
    from bench.runner import gpu
    from bench.runner.machine import describe, find_disturbances
    from bench.runner.planning.cases import list_probes
    from bench.runner.process import interpreters, preflight
    from bench.worker.machine import list_usable_cores

    pythons = interpreters.parse_options(python or ())
    for line in (*machine_lines(describe()), *map(gpu_line, gpu.find_gpus())):
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


def gpu_line(gpu: "Gpu") -> str:
    """Return a line with the name, memory and driver of a GPU."""
    memory = "memory not known"
    if gpu.memory_bytes is not None:
        memory = f"{gpu.memory_bytes / 2**30:.0f} GiB"
    return (
        f"{f'gpu {gpu.index}':<{KEY_WIDTH}}{gpu.name}, {memory}; driver {gpu.driver} for CUDA up "
        f"to {gpu.cuda}"
    )
