"""What is measured: cases from a selection, and their trials in randomised blocks."""

import difflib
import math
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.contract import Device, Objective
from bench.errors import UserError
from bench.records.files import hash_file
from bench.records.schema import Case, Run, Skipped, Trial
from bench.runner import sizes
from bench.runner.sizes import Size
from bench.worker.workloads import WORKLOADS
from implementations import FIGURES, IMPLEMENTATIONS, PROBES, Figure, Implementation

# Five processes give an interval that is of use; the second workload shows that the order holds.
ROUNDS = {"sgd": 5, "textbook": 1}
# With a precision to reach, so many fix the number of all: fewer make their spread a guess.
FIRST_STAGE = 5


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line chose; None means the default of the workload or the machine."""

    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None
    quick: bool = False
    # Of the data: how many images there are to train on; of the machine: how many cores.
    available: int = field(kw_only=True)
    cores: int = field(kw_only=True)

    def rounds_of(self) -> dict[str, int]:
        """Rounds of each chosen workload; ``--quick`` is one round of ``sgd``."""
        names = self.workloads or (("sgd",) if self.quick else tuple(WORKLOADS))
        default = dict.fromkeys(WORKLOADS, 1) if self.quick else ROUNDS
        return {name: self.rounds or default[name] for name in names}

    def sizes(self, workload: str) -> list[Size]:
        """Every size that was chosen, and the workload's own where none was."""
        return sizes.combine_sizes(
            self.batch_sizes or (WORKLOADS[workload].batch_size,),
            self.threads or (self.cores,),
            self.samples or (self.available,),
        )

    def with_figures(self) -> bool:
        """Tell whether this is the whole suite, which the textbook's figures belong to."""
        return not (self.quick or self.implementations or self.workloads)


def plan_cases(selection: Selection, probe: Callable[[Path], Objective]) -> tuple[Case, ...]:
    """Return every case of a selection, in the registry's order; raises UserError.

    ``probe`` imports somebody's own implementation file in a child and returns its objective.
    """
    chosen = [find_implementation(name, probe) for name in selection.implementations]
    names = [case.implementation for case in chosen]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"implementation {name} is chosen twice; name it once")
    return _product(selection, chosen or _registered())


def _registered() -> list[Case]:
    return [case_from_entry(entry) for entry in IMPLEMENTATIONS]


def _product(selection: Selection, chosen: Sequence[Case]) -> tuple[Case, ...]:
    """Every case at every size that divides; raises UserError where none does."""
    wanted = {name: selection.sizes(name) for name in selection.rounds_of()}
    faults = [size.fault for every in wanted.values() for size in every]
    if None not in faults:
        raise UserError(str(faults[0]))
    return tuple(
        complete_case(case, workload, device, size, selection.epochs)
        for workload, every in wanted.items()
        for size in every if size.fault is None
        for device in selection.devices
        for case in chosen
    )  # fmt: skip


def sweep_cases(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases of a sweep about those of the first workload, which have one size.

    Fewer threads are a question to the CPU only.
    """
    base = case_size(cases[0])
    return tuple(
        msgspec.structs.replace(case, **size._asdict())
        for size in sizes.sweep_sizes(base) if size.fault is None
        for case in cases
        if case.workload == cases[0].workload and sizes.belongs_to_sweep(case.objective, size, base)
        and (case.device == "cpu" or size.threads == base.threads)
    )  # fmt: skip


def case_size(case: Case) -> Size:
    """Return the size of a case."""
    return Size(case.batch_size, case.threads, case.samples)


def skipped_sizes(selection: Selection, sweep: Sequence[Case]) -> tuple[Skipped, ...]:
    """Return the sizes that were asked for and at which nothing is measured, with the reason."""
    wanted = [size for name in selection.rounds_of() for size in selection.sizes(name)]
    wanted += sizes.sweep_sizes(wanted[0]) if sweep else []
    left = {(size.batch_size, size.samples): size.fault for size in wanted if size.fault}
    return tuple(Skipped(*pair, reason) for pair, reason in left.items())


def case_from_entry(entry: Implementation) -> Case:
    """Begin a case from a registry entry; the workload's part is filled in later."""
    return Case(
        implementation=entry.name, module=entry.module, framework=entry.framework,
        extra=entry.extra, objective=entry.objective, style=entry.style, data=entry.data,
        devices=entry.devices, variables=dict(entry.variables), **_UNFILLED,
    )  # fmt: skip


_UNFILLED: dict[str, Any] = {
    "workload": "", "device": "cpu", "batch_size": 0, "threads": 0, "samples": 0, "epochs": 0,
}  # fmt: skip


def find_implementation(name: str, probe: Callable[[Path], Objective]) -> Case:
    """Begin a case from a name of the registry or from somebody's own file; raises UserError."""
    for known in IMPLEMENTATIONS:
        if known.name == name:
            return case_from_entry(known)
    if name.endswith(".py") or "/" in name:
        return _own_file(Path(name), probe)
    raise unknown_name("implementation", name, [known.name for known in IMPLEMENTATIONS])


def _own_file(path: Path, probe: Callable[[Path], Objective]) -> Case:
    if not path.is_file():
        raise UserError(f"there is no implementation file {path}; give a name or a .py file")
    taken = {name for known in IMPLEMENTATIONS for name in (known.name, known.framework)}
    if path.stem in taken | sys.stdlib_module_names or not path.stem.isidentifier():
        raise UserError(f"{path.name}: name the file like a Python module, and not like a built-in")
    return Case(
        implementation=path.stem, module=path.stem, framework="", extra="",
        objective=probe(path), style="own", data="own", devices=("cpu", "gpu"),
        file=str(path), sha256=hash_file(path), **_UNFILLED,
    )  # fmt: skip


def complete_case(
    case: Case, workload: str, device: Device, size: Size, epochs: int | None = None
) -> Case:
    """Say what a case trains, where and at which size."""
    values = {
        "workload": workload, "device": device, **size._asdict(),
        "epochs": epochs or WORKLOADS[workload].epochs,
    }  # fmt: skip
    return msgspec.structs.replace(case, **values)


def list_distributions(of: Case | Implementation) -> list[str]:
    """Name the framework's distribution and, for Keras, its backend's; none of an own file."""
    return [name for name in (of.framework, of.variables.get("KERAS_BACKEND")) if name]


def unknown_name(what: str, name: str, known: Sequence[str]) -> UserError:
    """Say what is not known, and name what is near it, or else everything there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    near = near or [candidate for candidate in known if name and name in candidate]
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(known)}"
    return UserError(f"unknown {what} {name!r}; {hint}")


def textbook_cases(cores: int) -> tuple[Case, ...]:
    """Return the textbook's programs as cases; they have no workload of ours."""
    return tuple(_figure_case(figure, cores) for figure in FIGURES)


def _figure_case(figure: Figure, cores: int) -> Case:
    return Case(
        implementation=figure.name, module=figure.module, framework=figure.framework,
        extra=figure.extra, objective=figure.objective, style="idiomatic", data="resident",
        devices=("cpu",), variables=dict(figure.variables),
        **{**_UNFILLED, "workload": "figure", "threads": cores},
    )  # fmt: skip


def roofline_cases(cases: Iterable[Case], *, quick: bool = False) -> tuple[Case, ...]:
    """Return the probes of what the machine can do, on every device and number of cores.

    quick: one probe a place, the first that runs there; all of them take a quarter of a minute.
    """
    places = dict.fromkeys((case.device, case.threads) for case in cases)
    return tuple(each for place in places for each in probe_cases(*place)[: 1 if quick else None])


def probe_cases(device: Device, threads: int) -> list[Case]:
    """Return the probes that run on a device, as cases."""
    return [
        Case(
            implementation=one.name, module=one.module, framework=one.framework,
            extra=one.extra, objective="softmax", style="tuned", data="resident",
            devices=one.devices,
            **{**_UNFILLED, "workload": "ceiling", "device": device, "threads": threads},
        )
        for one in PROBES if device in one.devices
    ]  # fmt: skip


def plan_trials(run: Run, wanted: Mapping[str, int] | None = None) -> list[Trial]:
    """Return all trials of a run in the order in which they are measured.

    Randomised blocks: each round measures every case once, in a random order of its own that
    follows from the seed, so that drift of the machine hits all alike. The ceilings are probed
    before the first round; after the last come the figures, the rounds that a precision takes
    beyond (``wanted`` has their number by the case's slug), and a sweep, whose blocks are its own.
    """
    rounds = {case.slug: run.rounds[case.workload] for case in run.cases}
    return [
        *map(_probe, run.ceilings),
        *_blocks(run, run.cases, {}, rounds),
        *(Trial(f"r1-{case.implementation}", "figure", 1, case) for case in run.figures),
        *_blocks(run, run.cases, rounds, wanted or {}),
        *_blocks(run, run.sweep, {}, {case.slug: run.sweep_rounds for case in run.sweep}),
    ]


def required_rounds(first_stage: Sequence[float], precision: float) -> int:
    """Return how many rounds narrow the interval of the mean to a factor of ``1 + precision``.

    Stein's two stages: the spread of the first values decides the number of all values. The
    interval from this spread has its nominal coverage for any true spread. Stopping as soon as an
    interval looks narrow does not.
    Source: C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the
    variance", Annals of Mathematical Statistics 16 (1945), pp. 243-258.
    Raises ValueError for fewer than two values, or one that is not positive.
    """
    from scipy.special import stdtrit  # imported late: `bench list` needs no SciPy

    spread = statistics.stdev(map(math.log, first_stage))
    half_width = float(stdtrit(len(first_stage) - 1, 0.975)) * spread
    return max(len(first_stage), math.ceil((half_width / math.log1p(precision)) ** 2))


def postpone_sweep(run: Run, left: list[Trial]) -> list[Trial]:
    """Leave the sweep until nothing else is left: a precision may yet take more rounds."""
    slugs = {case.slug for case in run.sweep}
    return [trial for trial in left if trial.case.slug not in slugs] or left


def _probe(case: Case) -> Trial:
    return Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "ceiling", 1, case)


def _blocks(
    run: Run, cases: Iterable[Case], done: Mapping[str, int], wanted: Mapping[str, int]
) -> list[Trial]:
    """Return the rounds after those that are done, up to those that are wanted of each case."""
    planned = []
    for number in range(1, max(wanted.values(), default=0) + 1):
        block = [
            case for case in cases
            if done.get(case.slug, 0) < number <= wanted.get(case.slug, 0)
        ]  # fmt: skip
        random.Random(f"{run.seed}/{number}").shuffle(block)  # noqa: S311 - an order, not a secret
        planned += [Trial(f"r{number}-{case.slug}", "trial", number, case) for case in block]
    return planned
