"""``bench list``, ``machine`` and ``data``: what can be measured, and where."""

import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from bench.cli.console import print_line, stdout
from bench.cli.options import Data, Pythons

if TYPE_CHECKING:
    from bench.worker.gpu import Gpu
    from implementations import Implementation

KEY_WIDTH = 14


def list_implementations() -> None:
    """List the implementations and the installed versions of their frameworks."""
    from implementations import IMPLEMENTATIONS

    headings = ("name", "framework", "objective", "style", "data", "devices")
    table = Table(*headings, box=None, pad_edge=False)
    for entry in IMPLEMENTATIONS:
        kind = (entry.objective, entry.style, entry.data, ", ".join(entry.devices))
        table.add_row(entry.name, Text(installed_versions(entry)), *kind)
    stdout.print(table)


def installed_versions(entry: "Implementation") -> str:
    """Return the versions of a framework and its backend, or how to install them."""
    names = [entry.framework, *filter(None, [entry.variables.get("KERAS_BACKEND")])]
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed: pip install 'softmax-bench[{entry.extra}]'"


def machine(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Name what would disturb a run; exit with status 1 if there is something.",
        ),
    ] = False,
    python: Pythons = None,
) -> None:
    """Describe this machine as records do, and which frameworks see its GPUs."""
    from bench.runner import plan
    from bench.runner.machine import describe, find_disturbances
    from bench.runner.process import interpreters, preflight
    from bench.worker import gpu
    from bench.worker.machine import list_usable_cores

    pythons = interpreters.parse_options(python or ())
    for line in (*machine_lines(describe()), *gpu_lines(gpu.find_gpus())):
        print_line(line)
    for case in plan.probe_cases("gpu", len(list_usable_cores())):
        fault = preflight.find_device_fault(interpreters.assign_python(case, pythons))
        result = "sees the GPU" if fault is None else f"no GPU: {fault}"
        print_line(f"{case.framework:<{KEY_WIDTH}}{result}")
    if check:
        disturbances = find_disturbances()
        for line in disturbances or ["nothing found that would disturb a run"]:
            print_line(line)
        raise typer.Exit(1 if disturbances else 0)


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


def gpu_lines(gpus: "Iterable[Gpu]") -> list[str]:
    """Return a line for each GPU: memory, driver, current and highest clocks."""
    from bench.report.render.numbers import ABSENT

    def clock(now: float | None, highest: float | None) -> str:
        if now is None:
            return ABSENT
        return f"{now:,.0f} MHz" + ("" if highest is None else f" of {highest:,.0f}")

    lines = []
    for gpu in gpus:
        memory = "memory not known"
        if gpu.memory_bytes is not None:
            memory = f"{gpu.memory_bytes / 2**30:.0f} GiB"
        lines.append(
            f"{f'gpu {gpu.index}':<{KEY_WIDTH}}{gpu.name}, {memory}; driver {gpu.driver} for CUDA "
            f"up to {gpu.cuda}; SM clock {clock(gpu.sm_mhz, gpu.most_sm_mhz)}, "
            f"memory clock {clock(gpu.memory_mhz, gpu.most_memory_mhz)}"
        )
    return lines


def show_data(data: Data = None) -> None:
    """Tell where the data are, and draw the first images."""
    from bench.cli import terminal
    from bench.data import dataset

    found = dataset.find(data)
    stdout.print(terminal.data_facts(found), soft_wrap=True)
    stdout.print(terminal.class_counts(found))
    width = stdout.width if stdout.is_terminal else 80
    stdout.print(terminal.first_images(found, width))
