"""Plan a new run: check what is asked for against what this machine, or a cluster's hosts, have."""

import datetime as dt
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError
from bench.records import store
from bench.records.schema import FORMAT, Case, Run
from bench.runner import plan
from bench.runner.process import interpreters, preflight
from bench.worker.data import read
from bench.worker.machine import list_usable_cores

RESULTS = Path("results")
ALL_CORES = 0
NO_GPU = "no host has a GPU; start a worker on one that has, or leave out --device gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure and how; an empty value stands for the default of the workload or machine.

    threads: ALL_CORES stands for every core of the machine that measures. timeout, budget: seconds.
    pythons: the executable of a framework that has a Python of its own.
    """

    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None
    timeout: float = 600.0
    seed: int = 42
    quick: bool = False
    sweep: bool = False
    roofline: bool = True
    data: str | None = None
    budget: float | None = None
    pythons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a plan is measured: here, or on hosts of a cluster that are of one machine.

    cores: those that a process may use there. machine: its id, None for here. gpu: whether the
    hosts have one; hosts without one measure nothing on a GPU.
    """

    cores: int
    machine: str | None = None
    gpu: bool = True


def plan_run(
    options: RunOptions, folder: Path | None, command: str, placement: Placement | None = None
) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run and write nothing; raises UserError.

    folder: None for a new one in results/. command: recorded with the run.
    """
    placement = placement or Placement(len(list_usable_cores()))
    selection = _select(options, placement)

    def with_python(cases: Iterable[Case]) -> tuple[Case, ...]:
        return tuple(interpreters.assign_python(case, options.pythons) for case in cases)

    cases = with_python(plan.plan_cases(selection, preflight.read_objective))
    sweep = plan.sweep_cases(cases) if options.sweep else ()
    name, created = new_run_name()
    folder = folder or RESULTS / name
    check_writable(folder)
    whole_suite = selection.with_figures() and options.data is None
    figures = plan.textbook_cases(placement.cores) if whole_suite else ()
    ceilings = (
        plan.roofline_cases((*cases, *sweep), quick=options.quick) if options.roofline else ()
    )
    return folder, Run(
        format=FORMAT,
        run=name,
        command=command,
        created=created,
        seed=options.seed,
        rounds=selection.rounds_of(),
        cases=cases,
        textbook=with_python(figures),
        timeout=options.timeout,
        data=options.data,
        budget=options.budget,
        sweep=sweep,
        sweep_rounds=options.rounds or 1,
        skipped=plan.skipped_sizes(selection, sweep),
        rooflines=with_python(ceilings),
        machine=placement.machine,
    )


def new_run_name() -> tuple[str, str]:
    """Return a name that no other run has, and the time in it as ISO 8601 text."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", now.isoformat(timespec="seconds")


def _select(options: RunOptions, placement: Placement) -> plan.Selection:
    if options.sweep and (options.batch_sizes or options.threads or options.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples; leave those out")
    images, labels = read(dataset.find(options.data).folder, "train")
    if placement.machine is None:
        # One size must fit; of several, those that do not fit become rows with their reason.
        check_memory(min(options.samples, default=0), images.shape[1])
    return plan.Selection(
        implementations=options.implementations,
        workloads=tuple(dict.fromkeys(options.workloads)),
        devices=available_devices(options, gpu=placement.gpu),
        batch_sizes=options.batch_sizes,
        threads=tuple(dict.fromkeys(resolve_threads(n, placement.cores) for n in options.threads)),
        samples=options.samples,
        epochs=options.epochs,
        rounds=options.rounds,
        quick=options.quick,
        available=len(labels),
        cores=placement.cores,
    )


def available_devices(options: RunOptions, *, gpu: bool) -> tuple[Device, ...]:
    """Return the chosen devices that are available; raises UserError if none is."""
    devices = tuple(device for device in options.devices if device == "cpu" or gpu)
    if not devices:
        raise UserError(NO_GPU)
    return devices


def resolve_threads(threads: int, cores: int) -> int:
    """Return a number of threads, of ALL_CORES every core; raises UserError for too many."""
    if threads > cores:
        raise UserError(f"--threads {threads}: this machine lets us use {cores} at most")
    return threads or cores


def check_memory(samples: int, features: int) -> None:
    """Raise UserError if this machine's memory does not hold this many samples."""
    if samples > (most := plan.max_samples(features)):
        raise UserError(f"--samples {samples}: this machine's memory holds {most} at most")


def check_writable(folder: Path) -> None:
    """Refuse a folder that holds another run or cannot be written, before anything is measured."""
    store.reject_used_folder(folder)
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}; choose another --output")
