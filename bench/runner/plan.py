"""Plan a run: its cases, checked against what the machine has, and its trials in their order."""

import dataclasses
import datetime as dt
import os
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError
from bench.records import store
from bench.records.schema import FORMAT, Case, Record, Run, Skipped, Trial
from bench.runner.cases import (
    Size,
    combine_sizes,
    complete_case,
    compute_max_samples,
    find_implementation,
    list_rooflines,
    list_sweep,
    list_sweep_sizes,
    list_textbook_programs,
    make_case,
)
from bench.runner.pilot import choose_threads, offer_threads, plan_pilot
from bench.runner.process import interpreters, preflight
from bench.worker.data import count_features, read_labels
from bench.worker.machine import list_usable_cores
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS

RESULTS = Path("results")
ALL_CORES = 0
NO_GPU = "no host has a GPU; start a worker on one that has, or leave out --device gpu"
# Five processes give a usable interval. One round of the second workload shows the order there.
ROUNDS = {"sgd": 5, "textbook": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure and how; an empty value stands for the default of the workload or machine.

    threads: ALL_CORES stands for every core of the machine that measures. tried_threads: what a
    pilot chooses from where nothing else decides the threads. timeout, budget: seconds.
    pythons: the executable of a framework that has a Python of its own.
    """

    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    tried_threads: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None
    timeout: float = 600.0
    seed: int | None = None
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


# ----- a new run


def plan_run(
    options: RunOptions, folder: Path | None, command: str, placement: Placement | None = None
) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run and write nothing; raises UserError.

    folder: None for a new one in results/. command: recorded with the run.
    """
    placement = placement or Placement(len(list_usable_cores()))
    options = resolve_options(options, placement)

    def with_python(cases: Iterable[Case]) -> tuple[Case, ...]:
        return tuple(interpreters.assign_python(case, options.pythons) for case in cases)

    cases = with_python(plan_cases(options))
    sweep = list_sweep(cases) if options.sweep else ()
    measured = (*cases, *sweep) if options.roofline else ()
    rooflines = list_rooflines(measured, quick=options.quick)
    partial = options.quick or options.implementations or options.workloads or options.data
    programs = () if partial else list_textbook_programs(placement.cores)
    name, created = make_run_name()
    folder = folder or RESULTS / name
    check_writable(folder)
    return folder, Run(
        format=FORMAT,
        run=name,
        command=command,
        created=created,
        seed=options.seed,
        rounds=count_rounds(options),
        cases=cases,
        textbook=with_python(programs),
        timeout=options.timeout,
        data_source=options.data,
        budget=options.budget,
        sweep=sweep,
        sweep_rounds=options.rounds or 1,
        skipped=list_skipped_sizes(options),
        rooflines=with_python(rooflines),
        machine=placement.machine,
        order=secrets.token_hex(16),
    )


def make_run_name(kind: str = "") -> tuple[str, str]:
    """Return a name that no other run has, and the time in it as ISO 8601 text."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{kind}{secrets.token_hex(2)}", now.isoformat(timespec="seconds")


def resolve_options(options: RunOptions, placement: Placement) -> RunOptions:
    """Return the options with devices, threads and samples of this machine and data set.

    Raises UserError where the machine has less than what is asked for.
    """
    if options.sweep and (options.batch_sizes or options.threads or options.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples; leave those out")
    devices = tuple(device for device in options.devices if device == "cpu" or placement.gpu)
    if not devices:
        raise UserError(NO_GPU)
    data = dataset.find(options.data).folder
    if placement.machine is None:
        # One size must fit; of several, those that do not fit become rows with their reason.
        check_memory(min(options.samples, default=0), count_features(data))
    # One round of --quick would take less time than its pilot.
    pilot = not options.threads and not options.quick and placement.cores > 1
    threads = [resolve_threads(n, placement.cores) for n in options.threads or (ALL_CORES,)]
    return dataclasses.replace(
        options,
        workloads=tuple(dict.fromkeys(options.workloads)),
        devices=devices,
        threads=(0,) if pilot else tuple(dict.fromkeys(threads)),
        tried_threads=(1, placement.cores) if pilot else (),
        samples=options.samples or (len(read_labels(data, "train")),),
    )


def resolve_threads(threads: int, cores: int) -> int:
    """Return a number of threads, of ALL_CORES every core; raises UserError for too many."""
    if threads > cores:
        raise UserError(f"--threads {threads}: this machine lets us use {cores} at most")
    return threads or cores


def check_memory(samples: int, features: int) -> None:
    """Raise UserError if this machine's memory does not hold this many samples."""
    if samples > (most := compute_max_samples(features)):
        raise UserError(f"--samples {samples}: this machine's memory holds {most} at most")


def check_writable(folder: Path) -> None:
    """Refuse a folder that holds another run or cannot be written, before anything is measured."""
    store.reject_used_folder(folder)
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}; choose another --output")


# ----- cases, from options with their threads and samples


def count_rounds(options: RunOptions) -> dict[str, int]:
    """Return the rounds of each chosen workload; ``--quick`` is one round of ``sgd``."""
    names = options.workloads or (("sgd",) if options.quick else tuple(WORKLOADS))
    default = dict.fromkeys(WORKLOADS, 1) if options.quick else ROUNDS
    return {name: options.rounds or default[name] for name in names}


def plan_cases(options: RunOptions) -> tuple[Case, ...]:
    """Return every chosen case, in the registry's order.

    Imports a user's own files in a child. Raises UserError for an implementation that is unknown or
    chosen twice, and where no batch size divides the samples.
    """
    entries = [
        find_implementation(name, preflight.read_objective) for name in options.implementations
    ]
    names = [case.implementation for case in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"implementation {name} is chosen twice; name it once")
    entries = entries or [make_case(entry) for entry in IMPLEMENTATIONS]
    sizes = [(name, size) for name in count_rounds(options) for size in _list_sizes(options, name)]
    faults = [size.fault for _, size in sizes]
    if None not in faults:
        raise UserError(str(faults[0]))
    return tuple(
        offer_threads(
            complete_case(case, workload, device, size, options.epochs), options.tried_threads
        )
        for workload, size in sizes
        if size.fault is None
        for device in options.devices
        for case in entries
    )


def list_skipped_sizes(options: RunOptions) -> tuple[Skipped, ...]:
    """Return the sizes that were asked for but cannot be measured, with the reason."""
    sizes = [size for name in count_rounds(options) for size in _list_sizes(options, name)]
    sizes += list_sweep_sizes(sizes[0]) if options.sweep else []
    faults = {(size.batch_size, size.samples): size.fault for size in sizes if size.fault}
    return tuple(
        Skipped(batch_size, samples, fault) for (batch_size, samples), fault in faults.items()
    )


def _list_sizes(options: RunOptions, workload: str) -> list[Size]:
    batch_sizes = options.batch_sizes or (WORKLOADS[workload].batch_size,)
    return combine_sizes(batch_sizes, options.threads, options.samples)


# ----- trials


def plan_trials(run: Run) -> list[Trial]:
    """Return all trials of a run in the order in which they are measured.

    Randomised blocks: each round measures every case once, in a random order of the run's own, so
    that drift of the machine affects all cases alike. Roofline probes come first, then the pilot.
    After the last round come the textbook's programs, then the pilot and the blocks of a sweep.
    Trials whose threads the pilot has not chosen have 0 threads.
    """
    probes = [
        Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "roofline", 1, case)
        for case in run.rooflines
    ]
    return [
        *probes,
        *plan_pilot(f"{run.order or run.seed}/pilot", run.cases),
        *_plan_blocks(run, [(case, run.rounds[case.workload]) for case in run.cases]),
        *(Trial(f"r1-{case.implementation}", "textbook", 1, case) for case in run.textbook),
        *plan_pilot(f"{run.order or run.seed}/pilot", run.sweep, earlier=run.cases),
        *_plan_blocks(run, [(case, run.sweep_rounds) for case in run.sweep]),
    ]


def _plan_blocks(run: Run, rounds: Sequence[tuple[Case, int]]) -> list[Trial]:
    """Return the trials of each case in as many rounds as given beside it."""
    trials = []
    for number in range(1, max((count for _, count in rounds), default=0) + 1):
        block = [case for case, count in rounds if number <= count]
        random.Random(f"{run.order or run.seed}/{number}").shuffle(block)
        trials += [Trial(f"r{number}-{case.slug}", "trial", number, case) for case in block]
    return trials


def find_missing_trials(run: Run, records: Iterable[Record]) -> list[Trial]:
    """Return the trials without a record, in their order; interrupted ones are missing.

    Those that wait for a pilot have 0 threads.
    """
    records = list(records)
    complete = {record.trial for record in records if record.status != "interrupted"}
    trials = plan_trials(choose_threads(run, records))
    return [trial for trial in trials if trial.id not in complete]
