"""Plan a run: its cases, checked against what the machine has, and its trials in their order."""

import dataclasses
import datetime as dt
import os
import random
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import msgspec

from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError
from bench.records import store
from bench.records.schema import (
    FORMAT,
    Case,
    Record,
    Run,
    Skipped,
    StoppingRule,
    Trial,
    TrialRecord,
)
from bench.runner.planning.cases import (
    LADDER_BATCH_SIZE,
    Size,
    complete_case,
    compute_max_samples,
    find_implementation,
    list_rooflines,
    list_sweep,
    list_sweep_sizes,
    list_textbook_programs,
    make_case,
)
from bench.runner.planning.pilot import choose_threads, find_first, list_candidates, offer_threads
from bench.runner.process import interpreters, preflight
from bench.worker.data import count_features, read_labels
from bench.worker.machine import list_usable_cores
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS

RESULTS = Path("results")
ALL_CORES = 0
NO_GPU = "no host has a GPU. Start a worker on one that has, or leave out --device gpu"
# Five processes give a usable interval. One round of the other workload shows the order there.
ROUNDS, OTHER_ROUNDS = 5, 1
# Without --rounds: docs/statistics.md says how often the intervals hold under this rule. Keras's
# first epochs are slow: the median of two would be too long.
STOPPING = StoppingRule(least_rounds=3, precision=0.05, later_epochs=3)
BUDGET, QUICK_BUDGET = 600.0, 180.0  # for each device

# Takes a run with chosen threads and its records so far. Returns the slugs of the cases that its
# stopping rule measures no further (bench/analysis/stopping.py).
FindSettled = Callable[[Run, Sequence[Record]], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure and how; an empty value stands for the default of the workload or machine.

    threads: ALL_CORES stands for every core of the machine that measures. tried_threads: what a
    pilot chooses from where nothing else decides the threads. rounds: of every row, without a
    stopping rule. layers: also what is not always measured, and a second batch size of the first
    workload (``choose_ladder``). trace: see ``Run``. timeout, budget: seconds.
    pythons: the executable of a framework that has a Python of its own. env: variables of every
    worker.
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
    layers: bool = False
    trace: bool = False
    roofline: bool = True
    data: str | None = None
    budget: float | None = None
    pythons: Mapping[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


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

    def with_surroundings(cases: Iterable[Case]) -> tuple[Case, ...]:
        cases = (msgspec.structs.replace(case, env=options.env) for case in cases)
        return tuple(interpreters.assign_python(case, options.pythons) for case in cases)

    cases = with_surroundings(plan_cases(options))
    # Two sizes of what --layers adds are in the ladder. More would take an hour more.
    added = {entry.name for entry in IMPLEMENTATIONS if not entry.always}
    added -= set(options.implementations)
    swept = [case for case in cases if case.implementation not in added]
    sweep = list_sweep(swept, options.tried_threads) if options.sweep else ()
    measured = (*cases, *sweep) if options.roofline else ()
    # All hosts of a cluster measure whole rounds at the same time.
    fixed = options.quick or options.rounds or placement.machine
    stopping = None if fixed else STOPPING
    if stopping and options.epochs:
        stopping = msgspec.structs.replace(stopping, later_epochs=None)
    if stopping and choose_ladder(options):
        # A step's cost is a difference, which needs more processes than the time of an epoch.
        stopping = msgspec.structs.replace(stopping, least_rounds=ROUNDS)
    budget = options.budget
    if budget is None and not (options.rounds or options.sweep or placement.machine):
        budget = len(options.devices) * (QUICK_BUDGET if options.quick else BUDGET)
        budget *= 1 + options.layers + bool(choose_ladder(options))
    whole_workload = not (options.implementations or options.data)
    programs: tuple[Case, ...] = ()
    if whole_workload and "textbook" in count_rounds(options):
        programs = list_textbook_programs(placement.cores)
    sizes = [size for _, size in list_sizes(options)]
    sizes += list_sweep_sizes(sizes[0]) if options.sweep else []
    faults = {(size.batch_size, size.samples): size.fault for size in sizes if size.fault}
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
        textbook=with_surroundings(programs),
        timeout=options.timeout,
        data_source=options.data,
        budget=budget,
        stopping=stopping,
        sweep=sweep,
        sweep_rounds=options.rounds or 1,
        skipped=tuple(Skipped(*size, fault) for size, fault in faults.items()),
        rooflines=with_surroundings(list_rooflines(measured)),
        machine=placement.machine,
        order=secrets.token_hex(16),
        ladder=choose_ladder(options),
        trace=options.trace,
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
        raise UserError("--sweep chooses --batch-size, --threads and --samples. Leave those out")
    devices = tuple(device for device in options.devices if device == "cpu" or placement.gpu)
    if not devices:
        raise UserError(NO_GPU)
    data = dataset.find(options.data).folder
    if placement.machine is None:
        # One size must fit; of several, those that do not fit become rows with their reason.
        check_memory(min(options.samples, default=0), count_features(data))
    # A pilot would double the time of --quick.
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
        raise UserError(f"cannot write to {folder}. Choose another --output")


# ----- cases, from options with their threads and samples


def count_rounds(options: RunOptions) -> dict[str, int]:
    """Return the rounds of each chosen workload: the first has most; ``--quick`` has one of it."""
    names = options.workloads or tuple(WORKLOADS)[: 1 if options.quick else None]
    default = OTHER_ROUNDS if options.quick else ROUNDS
    rounds = {names[0]: options.rounds or default}
    return rounds | dict.fromkeys(names[1:], options.rounds or OTHER_ROUNDS)


def choose_ladder(options: RunOptions) -> int:
    """Return the second batch size of the first workload, or 0 where only one is measured.

    With ``--layers``, whose question it answers. A sweep alone shows each batch size with its own
    best threads, and ``--quick`` has no second round that would give an interval.
    """
    measured = options.layers and not (options.quick or options.batch_sizes)
    return LADDER_BATCH_SIZE if measured else 0


def plan_cases(options: RunOptions) -> tuple[Case, ...]:
    """Return every chosen case, in the registry's order.

    Imports a user's own files in a child. Raises UserError for an implementation that is unknown or
    chosen twice, and where no batch size divides the samples.
    """
    entries = [find_implementation(name, preflight.inspect) for name in options.implementations]
    names = [case.implementation for case in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"implementation {name} is chosen twice. Name it once")
    if options.layers or not entries:
        entries += [
            make_case(entry)
            for entry in IMPLEMENTATIONS
            if entry.name not in names and (options.layers or entry.always)
        ]
    sizes = list_sizes(options)
    faults = [size.fault for _, size in sizes]
    if None not in faults:
        raise UserError(str(faults[0]))
    ladder = choose_ladder(options)
    return tuple(
        offer_threads(
            complete_case(case, workload, device, size, options.epochs),
            options.tried_threads,
            # Pilots could choose other threads for a layer than for what it is built on, and with
            # more than one core a step could overlap with the Python that a layer adds.
            one=bool(ladder),
        )
        for workload, size in sizes
        if size.fault is None
        for device in options.devices
        for case in entries
        # The time of one-vs-rest does not depend on the batch size.
        if size.batch_size != ladder or case.objective == "softmax"
    )


def list_sizes(options: RunOptions) -> list[tuple[str, Size]]:
    """Return each workload with every size once, whether its batches divide its samples or not."""
    sizes = []
    ladder = choose_ladder(options)
    for name in count_rounds(options):
        batch_sizes = options.batch_sizes or (WORKLOADS[name].batch_size, *[ladder] * bool(ladder))
        ladder = 0  # of the first workload only
        axes = product(options.samples, options.threads, batch_sizes)
        sizes += [
            (name, Size(batch_size, threads, samples))
            for samples, threads, batch_size in dict.fromkeys(axes)
        ]
    return sizes


# ----- trials


def plan_trials(run: Run, cached: Collection[str] = ()) -> list[Trial]:
    """Return all trials of a run in the order in which they are measured.

    cached: slugs of the cases of which a process has left a compile cache, as far as is known.

    Randomised blocks: each round measures every case once, in a random order of the run's own, so
    that drift of the machine affects all cases alike. The first workload comes first, because its
    first round gives a whole table. The roofline probes and the textbook's programs follow that
    round, and so do warm starts and traces: a budget may end the run before the others. Then come
    the other workload and a sweep. If the workload of the textbook is the first, the programs
    precede it. Trials whose threads the pilot has not chosen have 0 threads.
    """
    probes = [
        Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "roofline", 1, case)
        for case in run.rooflines
    ]
    programs = [Trial(f"r1-{case.implementation}", "textbook", 1, case) for case in run.textbook]
    trials: list[Trial] = []
    for workload in dict.fromkeys(case.workload for case in run.cases):
        if workload == "textbook":
            trials, programs = [*trials, *programs], []
        cases = [case for case in run.cases if case.workload == workload]
        for number in range(1, run.rounds[workload] + 1):
            trials += _plan_block(run, number, cases)
            trials, probes, programs = [*trials, *probes, *programs], [], []
            first = _list_first(run) if workload == run.cases[0].workload else []
            # A run of one round, which is to be short, has no warm starts.
            if run.rounds[workload] > 1 and (number == 1 or not run.stopping):
                trials += [
                    Trial(f"r{number}-warm-{case.slug}", "warm-start", number, case)
                    for case in first
                    if case.slug in cached
                ]
            if run.trace and number == 1:
                trials += [Trial(f"r1-trace-{case.slug}", "trace", 1, case) for case in first]
    trials += [*probes, *programs]
    for number in range(1, run.sweep_rounds + 1):
        trials += _plan_block(run, number, run.sweep)
    return trials


def _plan_block(run: Run, number: int, cases: Iterable[Case]) -> list[Trial]:
    """Return a round's trials of some cases.

    In its first round a case with a pilot is measured with every number of threads: all cases with
    the most threads, then all with the next number, then those that wait for another case's pilot.
    """
    draw = random.Random(f"{run.order or run.seed}/{number}")
    pilots = find_first(run) if number == 1 else set()
    passes: dict[int, list[Case]] = {}
    for case in cases:
        candidates = list_candidates(case) if case.stable_slug in pilots else [case]
        last = len(case.tried_threads) if number == 1 and candidates == [case] else 0
        for place, candidate in enumerate(candidates):
            passes.setdefault(place + last, []).append(candidate)
    block = [case for _, group in sorted(passes.items()) for case in draw.sample(group, len(group))]
    if run.stopping and run.stopping.later_epochs and number > 1:
        most = run.stopping.later_epochs
        block = [msgspec.structs.replace(c, epochs=min(c.epochs, most)) for c in block]
    return [Trial(f"r{number}-{case.slug}", "trial", number, case) for case in block]


def _list_first(run: Run) -> list[Case]:
    """Return the cases of the first workload at its first size."""
    first = run.cases[0]
    size = first.workload, first.batch_size, first.samples
    return [case for case in run.cases if (case.workload, case.batch_size, case.samples) == size]


def find_missing_trials(
    run: Run, records: Iterable[Record], find_settled: FindSettled | None = None
) -> list[Trial]:
    """Return the trials without a record, in their order; interrupted ones are missing.

    Those that wait for a pilot have 0 threads. find_settled: judges the rows of a run that has a
    stopping rule. What it leaves out of a round follows from the rounds before, so a run that is
    resumed goes on with the same rows.
    """
    records = list(records)
    complete = {record.trial for record in records if record.status != "interrupted"}
    cached = {
        record.case.slug
        for record in records
        if isinstance(record, TrialRecord) and record.cache_bytes
    }
    chosen = choose_threads(run, records)
    # A number of threads that was not chosen need not be measured any more.
    threads = {case.stable_slug: case.threads for case in (*chosen.cases, *chosen.sweep)}
    missing = [
        trial
        for trial in plan_trials(chosen, cached)
        if trial.id not in complete
        and threads.get(trial.case.stable_slug, 0) in {0, trial.case.threads}
    ]
    if run.stopping is None or find_settled is None:
        return missing
    # Rounds that have not begun leave out the same rows, as far as is known.
    last = max((record.round for record in records), default=0)
    decided = {trial.round: min(trial.round, last + 1) for trial in missing if trial.round > 1}
    settled = {
        number: find_settled(chosen, [record for record in records if record.round < number])
        for number in set(decided.values())
    }
    return [
        trial
        for trial in missing
        if trial.round == 1 or trial.case.slug not in settled[decided[trial.round]]
    ]
