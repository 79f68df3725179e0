"""Plan a run: its cases, checked against what the machine has, and its trials in their order."""

import dataclasses
import datetime as dt
import math
import os
import random
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError
from bench.planning.cases import (
    Inspection,
    Size,
    assign_python,
    check_memory,
    complete_case,
    find_implementation,
    list_rooflines,
    list_sweep,
    list_sweep_sizes,
    list_textbook_programs,
)
from bench.planning.pilot import choose_threads, find_first, list_candidates
from bench.planning.presets import PRESETS, Preset
from bench.records import store
from bench.records.cases import make_case
from bench.records.schema import FORMAT, Case, Record, Run, Skipped, StoppingRule, Trial
from bench.worker.data import count_features, read_labels
from bench.worker.machine import list_usable_cores
from bench.worker.workloads import count_models, get_workload
from implementations import IMPLEMENTATIONS, MANY

RESULTS = Path("results")
# The share of a typical process within which the bounds of a complete row are.
PRECISION = 0.05

# Takes a run with chosen threads and its records so far. Returns the slugs of the cases that its
# stopping rule measures no further (bench/analysis/stopping.py).
FindSettled = Callable[[Run, Sequence[Record]], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure and how; an empty value stands for that of the preset, machine or data.

    threads: ALL_CORES stands for every core of the machine that measures. rounds: of every row of
    every workload. trace: see ``Run``. timeout, budget: seconds. pythons: the executable of a
    framework that has a Python of its own. env: variables of every worker.
    """

    preset: str = "default"
    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None
    timeout: float = 600.0
    seed: int | None = None
    sweep: bool = False
    trace: bool = False
    roofline: bool = True
    data: str | None = None
    budget: float | None = None
    pythons: Mapping[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """What this machine has: cores that a process may use, and bytes of memory, None if unknown."""

    cores: int
    memory: int | None = None


# ----- a new run


def refuse_file(path: Path) -> Inspection:
    """Raise UserError for a user's own file, where nobody could import it."""
    raise UserError(f"{path}: only registered implementations are measured here")


def plan_run(
    options: RunOptions,
    folder: Path | None,
    command: str,
    host: Host | None = None,
    inspect: Callable[[Path], Inspection] = refuse_file,
) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run and write nothing; raises UserError.

    folder: None for a new one in results/. command: recorded with the run. inspect: imports a
    user's own file in a child.
    """
    host = host or Host(len(list_usable_cores()))
    options = resolve_options(options, host)
    values = choose_values(options, host)

    def with_surroundings(cases: Iterable[Case]) -> tuple[Case, ...]:
        cases = (msgspec.structs.replace(case, env=options.env) for case in cases)
        return tuple(assign_python(case, options.pythons) for case in cases)

    available = len(read_labels(dataset.find(options.data).folder, "train"))
    sizes = list_sizes(options, values, available, host.cores)
    cases = with_surroundings(plan_cases(options, values, sizes, host.cores, inspect))
    sweep = list_sweep(cases, options.implementations) if values.sweep else ()
    if values.sweep:
        base = sizes[0][1]
        sizes += [(values.workloads[0], size) for size in list_sweep_sizes(base)]
    faults = {(size.batch_size, size.samples): size.fault for _, size in sizes if size.fault}
    whole_workload = not (options.implementations or options.data)
    programs = whole_workload and "textbook" in values.workloads
    rounds = dict.fromkeys(values.workloads, values.other_rounds)
    # An epoch of a later round that is as long needs no rule.
    ruled = values.least_rounds < values.rounds or values.later_epochs < values.epochs
    name, created = make_run_name()
    folder = folder or RESULTS / name
    check_writable(folder)
    run = Run(
        format=FORMAT,
        run=name,
        command=command,
        created=created,
        seed=options.seed,
        rounds=rounds | {values.workloads[0]: values.rounds},
        cases=cases,
        textbook=with_surroundings(list_textbook_programs(host.cores) if programs else ()),
        timeout=options.timeout,
        data_source=options.data,
        budget=values.budget and values.budget * (1 if options.budget else len(options.devices)),
        stopping=StoppingRule(values.least_rounds, PRECISION, values.later_epochs)
        if ruled
        else None,
        sweep=sweep,
        sweep_rounds=options.rounds or 1,
        skipped=tuple(Skipped(*size, fault) for size, fault in faults.items()),
        rooflines=with_surroundings(list_rooflines((*cases, *sweep) if options.roofline else ())),
        order=secrets.token_hex(16),
        ladder=values.second_batch_size,
        trace=options.trace,
        warm_from=values.warm_from,
    )
    if fault := run.find_fault():
        raise UserError(f"{fault}. Choose fewer rounds or sizes")
    return folder, run


def make_run_name(kind: str = "") -> tuple[str, str]:
    """Return a name that no other run has, and the time in it as ISO 8601 text."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{kind}{secrets.token_hex(2)}", now.isoformat(timespec="seconds")


def resolve_options(options: RunOptions, host: Host) -> RunOptions:
    """Return the options with the threads of this machine.

    Raises UserError where the machine has less than what is asked for.
    """
    if options.sweep and (options.batch_sizes or options.threads or options.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples. Leave those out")
    data = dataset.find(options.data).folder
    if host.memory is not None:
        # One size must fit; of several, those that do not fit become rows with their reason.
        check_memory(min(options.samples, default=0), count_features(data), host.memory)
    threads = [resolve_threads(n, host.cores) for n in options.threads]
    return dataclasses.replace(
        options,
        workloads=tuple(dict.fromkeys(options.workloads)),
        threads=tuple(dict.fromkeys(threads)),
    )


def choose_values(options: RunOptions, host: Host) -> Preset:
    """Return the values of a preset, but for those that an option overrides.

    options: resolved.
    """
    preset = PRESETS[options.preset]
    epochs = options.epochs or preset.epochs
    threads = [resolve_threads(n, host.cores) for n in preset.threads]
    changes: dict[str, Any] = {
        "workloads": options.workloads or preset.workloads,
        "threads": options.threads or tuple(dict.fromkeys(threads)),
        "epochs": epochs,
        "later_epochs": min(epochs, preset.later_epochs),
    }
    if options.threads:
        changes["choose_threads"] = False
    if options.batch_sizes:
        changes["second_batch_size"] = 0
    if options.epochs:
        changes["later_epochs"] = epochs
    if options.sweep:
        changes |= {"sweep": True, "budget": None}
    if options.rounds:
        rounds = options.rounds
        changes |= {"rounds": rounds, "least_rounds": rounds, "other_rounds": rounds}
        changes |= {"later_epochs": epochs, "budget": None}
    if options.budget:
        changes["budget"] = options.budget
    return dataclasses.replace(preset, **changes)


def resolve_threads(threads: int, cores: int) -> int:
    """Return a number of threads, of ALL_CORES every core; raises UserError for too many."""
    if threads > cores:
        raise UserError(f"--threads {threads}: this machine lets us use {cores} at most")
    return threads or cores


def check_writable(folder: Path) -> None:
    """Refuse a folder that holds another run or cannot be written, before anything is measured."""
    store.reject_used_folder(folder)
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}. Choose another --output")


# ----- cases, from options with their threads and samples


def plan_cases(
    options: RunOptions,
    values: Preset,
    sizes: Iterable[tuple[str, Size]],
    cores: int,
    inspect: Callable[[Path], Inspection],
) -> tuple[Case, ...]:
    """Return every chosen case, in the registry's order.

    Imports a user's own files in a child. Raises UserError for an implementation that is unknown or
    chosen twice, and where no batch size divides the samples.
    """
    entries = [find_implementation(name, inspect) for name in options.implementations]
    names = [case.implementation for case in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"implementation {name} is chosen twice. Name it once")
    every = values.programs == "all"
    if every or not entries:
        others = [make_case(entry) for entry in (*IMPLEMENTATIONS, *MANY) if every or entry.always]
        entries += [case for case in others if case.implementation not in names]
    if all(size.fault for _, size in sizes):
        raise UserError(next(str(size.fault) for _, size in sizes))
    cases = (
        _place(complete_case(case, workload, device, size, values.epochs), options, values, cores)
        for workload, size in sizes
        if size.fault is None
        for device in options.devices
        for case in entries
        # A program that is named and does not fit the workload becomes a row with its reason.
        if case.many == (count_models(workload) > 0) or case.implementation in names
        # The time of one-vs-rest does not depend on the batch size.
        if size.batch_size != values.second_batch_size or case.objective == "softmax"
    )
    return tuple({case.slug: case for case in cases}.values())


def _place(case: Case, options: RunOptions, values: Preset, cores: int) -> Case:
    """Return a case with its threads, or with those that the first round tries."""
    if options.threads:
        return case
    if case.device != "cpu":  # the CPU does little for a GPU
        return msgspec.structs.replace(case, threads=cores)
    if case.threads == 0:
        return msgspec.structs.replace(case, tried_threads=values.threads)
    return msgspec.structs.replace(case, threads=1) if case.one_core else case


def list_sizes(
    options: RunOptions, values: Preset, available: int, cores: int
) -> list[tuple[str, Size]]:
    """Return each workload with every size once, whether its batches divide its samples or not.

    Where the first round chooses the threads, they are 0. Several models get all cores.
    available: number of training images.
    """
    pilot = values.choose_threads and len(values.threads) > 1
    sizes: list[tuple[str, Size]] = []
    for name in values.workloads:
        known, threads = get_workload(name), (0,) if pilot else values.threads
        if known.models and not options.threads:
            threads = (cores,)
        batch_sizes = options.batch_sizes or (known.batch_size,)
        samples = options.samples or (min(available, known.samples or available),)
        axes = [*product(samples, threads, batch_sizes)]
        if values.second_batch_size and name == values.workloads[0]:
            axes += product(samples, threads[:1], (values.second_batch_size,))
        sizes += [(name, Size(size, n, samples)) for samples, n, size in dict.fromkeys(axes)]
    return sizes


# ----- trials


def plan_trials(run: Run) -> list[Trial]:
    """Return all trials of a run in the order in which they are measured.

    Randomised blocks: each round measures every case once, in a random order of the run's own, so
    that drift of the machine affects all cases alike. The first round of the first workload comes
    first, because it gives a whole table; the roofline probes and the traces follow it. Then come
    the rounds that no rule ends early, but before the last of them one round of each other
    workload: where a budget ends the run, rows count more than repetitions. All further rounds
    follow. The textbook's programs precede its workload, and a sweep follows everything. Trials
    whose threads the first round has not chosen have 0 threads.
    """
    names = dict.fromkeys(case.workload for case in run.cases)
    rounds = [(name, number) for name in names for number in range(1, run.rounds[name] + 1)]
    rounds.sort(key=lambda one: _find_part(run, *one))
    programs = [Trial(f"r1-{case.implementation}", "textbook", 1, case) for case in run.textbook]
    after_first = [
        Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "roofline", 1, case)
        for case in run.rooflines
    ]
    if run.trace:  # the cases of the first workload at its first size, with any threads
        first = run.cases[0]
        same = (first.workload, first.batch_size, first.samples)
        traced = [one for one in run.cases if (one.workload, one.batch_size, one.samples) == same]
        after_first += [Trial(f"r1-trace-{case.slug}", "trace", 1, case) for case in traced]
    trials: list[Trial] = []
    for workload, number in rounds:
        if workload == "textbook":
            trials, programs = [*trials, *programs], []
        trials += _plan_block(run, number, (c for c in run.cases if c.workload == workload))
        trials, after_first = [*trials, *after_first], []
    trials += programs
    for number in range(1, run.sweep_rounds + 1):
        trials += _plan_block(run, number, run.sweep)
    return trials


def is_needed(run: Run, trial: Trial) -> bool:
    """Return whether a run is incomplete without a trial; others only narrow its intervals."""
    fixed = run.budget is None or run.stopping is None
    return fixed or _find_part(run, trial.case.workload, trial.round) < 3


def _find_part(run: Run, workload: str, number: int) -> int:
    """Return to which part of a run a round belongs: see ``plan_trials``."""
    least = run.stopping.least_rounds if run.stopping else math.inf
    if workload != run.cases[0].workload:
        return 1 if number == 1 else 3
    if number == 1 or number < least:
        return 0
    return 2 if number == least else 4


def _plan_block(run: Run, number: int, cases: Iterable[Case]) -> list[Trial]:
    """Return a round's trials of some cases.

    In its first round a case with a pilot is measured with every number of threads: all cases with
    the fewest, which makes a whole table, then all with the next number, then those that wait for
    another case's pilot.
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
    chosen = choose_threads(run, records)
    # A number of threads that was not chosen need not be measured any more.
    threads = {case.stable_slug: case.threads for case in (*chosen.cases, *chosen.sweep)}
    missing = [
        trial
        for trial in plan_trials(chosen)
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
