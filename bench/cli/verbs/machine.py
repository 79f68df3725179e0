"""``bench machine``: this machine and what would disturb a run, or what will work on its GPU."""

import shlex
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import typer

from bench.cli import options
from bench.cli.console import print_line
from bench.cli.live import await_host
from bench.errors import UserError
from bench.runner import doctor
from bench.runner.doctor import find_disturbances
from bench.runner.host.gpu import Diagnosis
from bench.runner.host.machine import describe
from bench.runner.process import preflight

# What facts of a machine are called whose name in the records says too little.
LABELS = {
    "id": "machine id",
    "cpu": "processor",
    "cores": "usable cores",
    "memory_gib": "memory, GiB",
    "gpus": "GPUs",
    "name": "name in tables",
    "gpu_driver": "GPU driver",
    "virtual": "virtual machine",
    "affinity": "threads can be bound to cores",
}
LABEL_WIDTH = 1 + max(map(len, LABELS.values()))
PROGRAM_WIDTH = 24
MEASURE = ("softmax-bench", "run", "--device", "cpu,gpu", "--quick")


def machine(
    gpu: Annotated[
        bool,
        options.cases_option(
            "--gpu",
            help="Let each program, except those of --layers, train a step on the GPU, and print "
            "what will work there, what will not, and what to do. Ends with status 1 if none "
            "trains.",
        ),
    ] = False,
    python: options.Pythons = None,
) -> None:
    """Describe this machine and what would disturb a run on it, or what works on its GPU."""
    if python and not gpu:
        raise UserError("--python is for --gpu. Add it, or leave --python out")
    if gpu:
        print_gpu(preflight.parse_options(python or ()))
    for line in machine_lines(describe()):
        print_line(line)
    for line in find_disturbances() or ["nothing found that would disturb a run"]:
        print_line(line)


def print_gpu(pythons: Mapping[str, str]) -> NoReturn:
    """Print a line for each thing that matters on a GPU, and how to measure there; exit."""
    for diagnosis in doctor.diagnose_gpu():
        print_line(format_diagnosis(diagnosis))
    results = []
    with await_host():
        for diagnosis in doctor.examine_programs(pythons):
            results.append(diagnosis.blocks)
            print_line(format_diagnosis(diagnosis))
    trained = results.count(False)
    print_line(f"{trained} of {len(results)} programs train on the GPU")
    if trained:
        words = [f"--python={framework}={path}" for framework, path in pythons.items()]
        print_line(f"measure: {shlex.join([*MEASURE, *words])}")
    raise typer.Exit(0 if trained else 1)


def format_diagnosis(diagnosis: Diagnosis) -> str:
    """Return one line: whether it is good, what it is, and what to do."""
    mark = "no" if diagnosis.blocks else "!" if diagnosis.remedy else "ok"
    text = ". ".join(filter(None, (diagnosis.text, diagnosis.remedy)))
    return f"{mark:<4}{diagnosis.subject:<{PROGRAM_WIDTH}}{text}"


def machine_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each fact of a machine that records have, in words."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, list):
            text = ", ".join(map(str, value))
        else:
            text = str(value)
        lines.append(f"{LABELS.get(key, key):<{LABEL_WIDTH}}{text or 'none'}")
    return lines
