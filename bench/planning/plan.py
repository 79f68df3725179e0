"""Plan a run: its cases, checked against what the machine has, and its trials in their order."""

import dataclasses
import random
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
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
    can_train,
    check_memory,
    complete_case,
    find_implementation,
    get_size,
    list_rooflines,
    list_sweep,
    list_sweep_sizes,
    list_textbook_programs,
    make_case,
)
from bench.planning.presets import PRESETS, Preset
from bench.planning.threads import TRIES, choose_threads, count_wins, group_epochs
from bench.records import store
from bench.records.schema import FORMAT, Case, Record, Run, Skipped, StoppingRule, Trial
from bench.worker.data import count_features, read_labels
from bench.worker.machine import resolve_threads
from bench.worker.workloads import get_workload
from implementations import IMPLEMENTATIONS, MANY

# The share of a typical process within which the bounds of a complete row are.
PRECISION = 0.05

# What an option changes of a preset besides the value of its own name.
IMPLIED: dict[str, dict[str, Any]] = {
    "threads": {"try_all_cores": False},
    "batch_sizes": {"second_batch_size": 0},
    "epochs": {"lean_from": 0},
    "rounds": {"lean_from": 0, "budget": None},
    "sweep": {"sweep": True, "budget": None},
}

# Timed epochs of a lean trial: processes differ more than the epochs of one do.
LEAN_EPOCHS = 2

# Takes a run with chosen threads, its records so far and a rule. Returns the slugs of the cases
# that the rule measures no further (bench/analysis/stopping.py).
FindSettled = Callable[[Run, Sequence[Record], StoppingRule], Collection[str]]
# Leaves only the fastest row of each style, once it has two processes: others are within a half.
LEADERS = StoppingRule(least_rounds=TRIES, precision=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure and how; an empty value stands for that of the preset, machine or data."""

    preset: str = "default"
    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()  # each once
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()  # ALL_CORES stands for every core of the machine that measures
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None  # of every row of every workload
    timeout: float = 600.0  # seconds
    seed: int | None = None
    sweep: bool = False
    roofline: bool = True
    data: str | None = None
    budget: float | None = None  # seconds
    # The executable of a framework that has a Python of its own.
    pythons: Mapping[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)  # variables of every worker


@dataclass(frozen=True, slots=True)
class Host:
    """What this machine has: cores that a process may use, and bytes of memory."""

    cores: int
    memory: int


# ----- a new run


def plan_run(
    options: RunOptions,
    folder: Path | None,
    command: str,
    host: Host,
    inspect: Callable[[Path], Inspection],
) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run and write nothing; raises UserError.

    folder: None for a new one in results/. command: recorded with the run. inspect: imports a
    user's own file in a child.
    """
    check_options(options, host)
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
    variants = list_variants(cases, host.cores) if values.try_all_cores else ()
    # A rule also measures no row again that cannot be ranked.
    ruled = values.least_rounds < values.rounds or values.lean_from > 0
    name, created = store.make_run_name()
    folder = folder or store.RESULTS / name
    store.check_writable(folder)
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
        stopping=StoppingRule(values.least_rounds, PRECISION) if ruled else None,
        sweep=sweep,
        sweep_rounds=options.rounds or 1,
        skipped=tuple(Skipped(*size, fault) for size, fault in faults.items()),
        rooflines=with_surroundings(
            list_rooflines((*cases, *sweep, *variants) if options.roofline else ())
        ),
        order=secrets.token_hex(16),
        ladder=values.second_batch_size,
        warm_from=values.warm_from,
        lean_from=values.lean_from,
        variants=variants,
        preset=options.preset,
    )
    if fault := run.find_fault():
        raise UserError(f"{fault}. Choose fewer rounds or sizes")
    return folder, run


def check_options(options: RunOptions, host: Host) -> None:
    """Raise UserError for options that exclude each other, or exceed the machine's memory."""
    if options.sweep and (options.batch_sizes or options.threads or options.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples. Leave those out")
    data = dataset.find(options.data).folder
    # One size must fit; of several, those that do not fit become rows with their reason.
    check_memory(min(options.samples, default=0), count_features(data), host.memory)


def choose_values(options: RunOptions, host: Host) -> Preset:
    """Return the values of a preset, but for those that an option overrides.

    Raises UserError where the machine has fewer cores than what is asked for.
    """
    preset = PRESETS[options.preset]
    threads = [resolve_threads(n, host.cores) for n in options.threads or preset.threads]
    changes: dict[str, Any] = {
        "workloads": options.workloads or preset.workloads,
        "threads": tuple(dict.fromkeys(threads)),
        "epochs": options.epochs or preset.epochs,
    }
    for option, values in IMPLIED.items():
        if getattr(options, option):
            changes |= values
    if options.rounds:
        changes |= dict.fromkeys(("rounds", "least_rounds", "other_rounds"), options.rounds)
    if options.budget:
        changes["budget"] = options.budget
    return dataclasses.replace(preset, **changes)


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
        _place(complete_case(case, workload, device, size, values.epochs), options, cores)
        for workload, size in sizes
        if size.fault is None
        for device in options.devices
        for case in entries
        # A program that is named and does not fit the workload becomes a row with its reason.
        if can_train(case, workload) or case.implementation in names
        # The time of one-vs-rest does not depend on the batch size.
        if size.batch_size != values.second_batch_size or case.objective == "softmax"
    )
    return tuple({case.slug: case for case in cases}.values())


def _place(case: Case, options: RunOptions, cores: int) -> Case:
    """Return a case with its threads."""
    if options.threads:
        return case
    if case.device != "cpu":  # the CPU does little for a GPU
        return msgspec.structs.replace(case, threads=cores)
    return msgspec.structs.replace(case, threads=1) if case.one_core else case


def list_variants(cases: Sequence[Case], cores: int) -> tuple[Case, ...]:
    """Return the rows of the first workload with all cores, where they may be faster with them.

    At its first size: those of other workloads and sizes stay on one thread.
    """
    first = get_size(cases[0])._replace(threads=1)
    return tuple(
        msgspec.structs.replace(case, threads=cores)
        for case in cases
        if (case.workload, get_size(case)) == (cases[0].workload, first)
        and case.device == "cpu"
        and cores > 1
        and not case.one_core
    )


def list_sizes(
    options: RunOptions, values: Preset, available: int, cores: int
) -> list[tuple[str, Size]]:
    """Return each workload with every size once, whether its batches divide its samples or not.

    A preset's further threads are for its first workload. Several models get all cores. available:
    number of training images.
    """
    sizes: list[tuple[str, Size]] = []
    for name in values.workloads:
        workload, threads = get_workload(name), values.threads
        if not options.threads and name != values.workloads[0]:
            threads = threads[:1]
        if workload.models and not options.threads:
            threads = (cores,)
        batch_sizes = options.batch_sizes or (workload.batch_size,)
        samples = options.samples or (min(available, workload.samples or available),)
        axes = [*product(samples, threads, batch_sizes)]
        if values.second_batch_size and name == values.workloads[0]:
            axes += product(samples, threads[:1], (values.second_batch_size,))
        sizes += [(name, Size(size, n, samples)) for samples, n, size in dict.fromkeys(axes)]
    return sizes


# ----- trials


def plan_trials(run: Run) -> list[Trial]:
    """Return all trials of a run, round by round; ``Schedule`` has their order.

    Randomised blocks: each round measures every case once, in a random order of the run's own, so
    that drift of the machine affects all cases alike.
    """
    names = dict.fromkeys(case.workload for case in run.cases)
    trials: list[Trial] = []
    for number in range(1, max(run.rounds.values()) + 1):
        for name in names:
            if number <= run.rounds[name]:
                trials += _plan_block(run, number, (c for c in run.cases if c.workload == name))
        if number <= TRIES:
            trials += _plan_block(run, number, run.variants)
    trials += [Trial(f"r1-{case.implementation}", "textbook", 1, case) for case in run.textbook]
    trials += [
        Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "roofline", 1, case)
        for case in run.rooflines
    ]
    for number in range(1, run.sweep_rounds + 1):
        trials += _plan_block(run, number, run.sweep)
    return trials


def _plan_block(run: Run, number: int, cases: Iterable[Case]) -> list[Trial]:
    """Return a round's trials of some cases."""
    cases = list(cases)
    draw = random.Random(f"{run.order or run.seed}/{number}")
    variants = {case.slug for case in run.variants}
    trials = []
    for case in draw.sample(cases, len(cases)):
        lean = case.slug in variants or 0 < run.lean_from <= number
        short = msgspec.structs.replace(case, epochs=min(case.epochs, LEAN_EPOCHS))
        name = f"r{number}-{case.slug}"
        trials.append(Trial(name, "trial", number, short if lean else case, lean=lean))
    return trials


class Part(IntEnum):
    """The parts of a run in their order: what exists at any moment is worth most to a reader."""

    FIRST = 1  # a process of each row of all workloads; of a run to share, two of each
    SECOND = 2
    THREADS = 3  # all cores for the fastest row of each style
    LEADERS = 4  # third processes of these rows
    PROBES = 5  # the textbook's programs and rooflines
    OTHER_THREADS = 6
    THIRD = 7  # processes of all other rows
    MORE = 8  # processes, of rows that the stopping rule leaves
    SWEEP = 9


class Schedule:
    """What of a run is still to be measured: its trials without a record, by parts and in order.

    find_settled: judges the rows of a run that has a stopping rule; without it, each round has all
    of them. What a round leaves out follows from the rounds before, so a run that is resumed goes
    on with the same rows. For rounds that have not begun it is a guess.
    records: all so far. missing: no part is empty; interrupted trials are missing.
    """

    def __init__(
        self, run: Run, records: Iterable[Record] = (), find_settled: FindSettled | None = None
    ) -> None:
        self.records = list(records)
        self.missing: dict[Part, list[Trial]] = {}
        self._run = run
        self._rule = run.stopping or LEADERS
        self._find_settled = find_settled if run.stopping else None
        self._single = {case.base_slug: case for case in run.cases}
        self._variants = {case.slug for case in run.variants}
        self._sort()

    @property
    def remaining(self) -> list[Trial]:
        """All missing trials in their order."""
        return [trial for trials in self.missing.values() for trial in trials]

    def add(self, record: Record) -> None:
        """Take in a record, after which other trials may be missing.

        They are sorted again where a round of a part is over, or threads may have been chosen:
        in between, no record changes which trials follow.
        """
        self.records.append(record)
        before = self._find_place()
        if record.status != "interrupted":
            parts = {
                part: [trial for trial in trials if trial.id != record.trial]
                for part, trials in self.missing.items()
            }
            self.missing = {part: trials for part, trials in parts.items() if trials}
        if self._find_place() != before or record.case.slug in self._variants:
            self._sort()

    def _find_place(self) -> tuple[Part, int] | None:
        """Return the part and the round of the first missing trial; None if there is none."""
        return next(((part, trials[0].round) for part, trials in self.missing.items()), None)

    def _sort(self) -> None:
        """Find what is missing by all records so far."""
        complete = {record.trial for record in self.records if record.status != "interrupted"}
        chosen = choose_threads(self._run, self.records)
        trials = [trial for trial in plan_trials(chosen) if trial.id not in complete]
        self._chosen = chosen
        self._times = group_epochs(self.records)
        self._swept = {case.slug for case in chosen.sweep}
        self._used = {(case.device, case.threads) for case in (*chosen.cases, *chosen.sweep)}
        # Rounds that have not begun leave out the same rows, as far as is known.
        self._begun = 1 + max((record.round for record in self.records), default=0)
        self._settled: dict[tuple[int, StoppingRule], Collection[str]] = {}  # as far as asked for
        parts: dict[Part, list[Trial]] = {part: [] for part in Part}
        for trial in trials:
            if part := self._find_part(trial):
                parts[part].append(trial)
        self.missing = {part: trials for part, trials in parts.items() if trials}

    def _find_part(self, trial: Trial) -> Part | None:
        """Return the part of a trial, or None if it is not needed."""
        case, number = trial.case, trial.round
        if trial.kind != "trial":
            unused = trial.kind == "roofline" and (case.device, case.threads) not in self._used
            return None if unused else Part.PROBES
        if case.slug in self._swept:
            return Part.SWEEP
        if case.slug in self._variants and number <= TRIES:
            return self._find_part_of_variant(case, number)
        if number > 1 and self._is_settled(case, number, self._rule):
            return None
        if number < 3:
            return Part.FIRST if self._run.preset == "share" else Part(number)
        settled = self._is_settled(case, number, LEADERS)
        return Part.MORE if number > 3 else Part.THIRD if settled else Part.LEADERS

    def _find_part_of_variant(self, case: Case, number: int) -> Part | None:
        row = self._single[case.base_slug]
        wins = count_wins(self._times[row.slug], self._times[case.slug])
        lost = wins is None or number > wins + 1
        if lost or self._is_settled(row, TRIES + 1, self._rule):
            return None
        settled = self._is_settled(row, TRIES + 1, LEADERS)
        return Part.OTHER_THREADS if settled else Part.THREADS

    def _is_settled(self, case: Case, number: int, rule: StoppingRule) -> bool:
        """Return whether a rule measures a row no further, by the rounds before one."""
        number = min(number, self._begun)
        if self._find_settled is None or number == 1:
            return False
        if (number, rule) not in self._settled:
            before = [record for record in self.records if record.round < number]
            self._settled[number, rule] = self._find_settled(self._chosen, before, rule)
        return case.slug in self._settled[number, rule]


def list_needed(run: Run, missing: Mapping[Part, Sequence[Trial]]) -> list[Trial]:
    """Return the trials without which a run is incomplete; others only narrow its intervals."""
    fixed = run.budget is None or run.stopping is None
    return [
        trial for part, trials in missing.items() if fixed or part == Part.FIRST for trial in trials
    ]
