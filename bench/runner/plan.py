"""Plan a run: its cases, their sizes, and its trials in randomised blocks."""

import difflib
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.contract import Device, Objective
from bench.errors import UserError
from bench.records.files import hash_file
from bench.records.schema import Case, Run, Skipped, Trial
from bench.runner.machine import usable_memory
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS, PROBES, TEXTBOOK_PROGRAMS, Implementation

# Five processes give a usable interval. One round of the second workload shows the order there.
ROUNDS = {"sgd": 5, "textbook": 1}

# A sweep varies one thing at a time, starting from the workload's own size: batches from 8 images
# to a fifth of the data. One batch of all images is left to --batch-size: from zero weights, the
# rounding of some libraries then exceeds the tolerance (docs/methodology.md).
SWEEP_BATCH_SIZES = (8, 128, 384, 1920, 9600)
# The samples vary at a batch size at which half a million of them take seconds, not minutes.
SWEEP_SAMPLES = (9600, 19200, 96000, 480000)
SWEEP_SAMPLES_BATCH_SIZE = 384
# One thread is measured where threads help least and where they help most.
ONE_THREAD_BATCH_SIZES = (32, 1920)
# One-vs-rest updates once per sample, whatever the batch size; its oracle needs a minute for these.
MAX_ONE_VS_REST_SAMPLES = 100_000

# A process that needs more than this share of the memory would be measured while it swaps.
MEMORY_SHARE = 0.6
# The images, and copies of them. TensorFlow's loops need the most memory: 8,128 MiB with 480,000
# images and 1,597 MiB with 48,000 (results/reference/amd-epyc-2-cores), which is five copies.
COPIES = 5


# ----- sizes


class Size(NamedTuple):
    """The size of an epoch: images per step, cores, images in all."""

    batch_size: int
    threads: int
    samples: int

    @property
    def fault(self) -> str | None:
        """Return why nothing can be measured at this size, or None: no batch may be ragged."""
        if self.samples % self.batch_size == 0:
            return None
        near = nearest_divisors(self.samples, self.batch_size)
        return (
            f"--batch-size {self.batch_size} does not divide {self.samples} samples; {near} would"
        )


def combine_sizes(
    batch_sizes: Iterable[int], threads: Iterable[int], samples: Iterable[int]
) -> list[Size]:
    """Return every combination once, whether its batch size divides its samples or not."""
    batch_sizes, threads = list(batch_sizes), list(threads)
    sizes = (Size(b, t, s) for s in samples for t in threads for b in batch_sizes)
    return list(dict.fromkeys(sizes))


def sweep_sizes(base: Size) -> list[Size]:
    """Return the sizes of a sweep around a base, without the base itself."""
    sizes = [base._replace(batch_size=size) for size in SWEEP_BATCH_SIZES]
    sizes += [
        base._replace(batch_size=SWEEP_SAMPLES_BATCH_SIZE, samples=samples)
        for samples in SWEEP_SAMPLES
    ]
    sizes += [base._replace(batch_size=size, threads=1) for size in ONE_THREAD_BATCH_SIZES]
    return [size for size in dict.fromkeys(sizes) if size != base]


def nearest_divisors(samples: int, batch_size: int) -> str:
    """Return the nearest divisors of ``samples`` below and above ``batch_size``: "5 or 10"."""
    small = [size for size in range(1, isqrt(samples) + 1) if samples % size == 0]
    divisors = sorted({*small, *(samples // size for size in small)})
    below = [str(size) for size in divisors if size < batch_size][-1:]
    above = [str(size) for size in divisors if size > batch_size][:1]
    return " or ".join(below + above)


def max_samples(features: int) -> int:
    """Return how many images fit into the memory of a process on this machine."""
    return int(MEMORY_SHARE * usable_memory() / (4 * features * COPIES))


# ----- cases


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user chose; an empty field means the default of the workload or the machine.

    available: training images of the data set. cores: usable cores of the machine.
    """

    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ("cpu",)
    batch_sizes: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    epochs: int | None = None
    rounds: int | None = None
    quick: bool = False
    available: int = field(kw_only=True)
    cores: int = field(kw_only=True)

    def rounds_of(self) -> dict[str, int]:
        """Return the rounds of each chosen workload; ``--quick`` is one round of ``sgd``."""
        names = self.workloads or (("sgd",) if self.quick else tuple(WORKLOADS))
        default = dict.fromkeys(WORKLOADS, 1) if self.quick else ROUNDS
        return {name: self.rounds or default[name] for name in names}

    def sizes(self, workload: str) -> list[Size]:
        """Return every chosen size; the workload's own if none was chosen."""
        return combine_sizes(
            self.batch_sizes or (WORKLOADS[workload].batch_size,),
            self.threads or (self.cores,),
            self.samples or (self.available,),
        )

    def with_figures(self) -> bool:
        """Return whether this is the whole suite, which includes the textbook's programs."""
        return not (self.quick or self.implementations or self.workloads)


def plan_cases(selection: Selection, probe: Callable[[Path], Objective]) -> tuple[Case, ...]:
    """Return every case of a selection, in the registry's order.

    probe: imports a user's own file in a child and returns its objective. Raises UserError for an
    implementation that is unknown or chosen twice, and where no size divides.
    """
    entries = [find_implementation(name, probe) for name in selection.implementations]
    names = [case.implementation for case in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"implementation {name} is chosen twice; name it once")
    entries = entries or [case_from_entry(entry) for entry in IMPLEMENTATIONS]
    sizes = {name: selection.sizes(name) for name in selection.rounds_of()}
    faults = [size.fault for chosen in sizes.values() for size in chosen]
    if None not in faults:
        raise UserError(str(faults[0]))
    return tuple(
        complete_case(case, workload, device, size, selection.epochs)
        for workload, chosen in sizes.items()
        for size in chosen
        if size.fault is None
        for device in selection.devices
        for case in entries
    )


def find_implementation(name: str, probe: Callable[[Path], Objective]) -> Case:
    """Return the incomplete case of a registered name or of a user's own file.

    Raises UserError for an unknown name, and for a file that cannot be used.
    """
    for entry in IMPLEMENTATIONS:
        if entry.name == name:
            return case_from_entry(entry)
    if name.endswith(".py") or "/" in name:
        return _case_from_file(Path(name), probe)
    raise make_unknown_name_error("implementation", name, [entry.name for entry in IMPLEMENTATIONS])


def _case_from_file(path: Path, probe: Callable[[Path], Objective]) -> Case:
    if not path.is_file():
        raise UserError(f"there is no implementation file {path}; give a name or a .py file")
    taken = {name for entry in IMPLEMENTATIONS for name in (entry.name, entry.framework)}
    if path.stem in taken | sys.stdlib_module_names or not path.stem.isidentifier():
        raise UserError(f"{path.name}: name the file like a Python module, and not like a built-in")
    return Case(
        implementation=path.stem,
        module=path.stem,
        framework="",
        extra="",
        objective=probe(path),
        style="own",
        data="own",
        devices=("cpu", "gpu"),
        file=str(path),
        sha256=hash_file(path),
        **_INCOMPLETE,
    )


def case_from_entry(entry: Implementation) -> Case:
    """Return the incomplete case of a registry entry; see ``complete_case``."""
    return Case(
        implementation=entry.name,
        module=entry.module,
        framework=entry.framework,
        extra=entry.extra,
        objective=entry.objective,
        style=entry.style,
        data=entry.data,
        devices=entry.devices,
        variables=dict(entry.variables),
        **_INCOMPLETE,
    )


_INCOMPLETE: dict[str, Any] = {
    "workload": "",
    "device": "cpu",
    "batch_size": 0,
    "threads": 0,
    "samples": 0,
    "epochs": 0,
}


def complete_case(
    case: Case, workload: str, device: Device, size: Size, epochs: int | None = None
) -> Case:
    """Return a case with its workload, device, size and epochs."""
    epochs = epochs or WORKLOADS[workload].epochs
    return msgspec.structs.replace(
        case, workload=workload, device=device, epochs=epochs, **size._asdict()
    )


def sweep_cases(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases of a sweep around those of the first workload, which have one size.

    Fewer threads are measured on the CPU only. One-vs-rest, whose time per sample does not depend
    on the batch size, is measured at two batch sizes and up to MAX_ONE_VS_REST_SAMPLES.
    """
    base = case_size(cases[0])

    def belongs(case: Case, size: Size) -> bool:
        if case.device != "cpu" and size.threads != base.threads:
            return False
        return case.objective == "softmax" or (
            size.samples <= MAX_ONE_VS_REST_SAMPLES
            and size.batch_size in {base.batch_size, SWEEP_SAMPLES_BATCH_SIZE}
        )

    return tuple(
        msgspec.structs.replace(case, **size._asdict())
        for size in sweep_sizes(base)
        if size.fault is None
        for case in cases
        if case.workload == cases[0].workload and belongs(case, size)
    )


def skipped_sizes(selection: Selection, sweep: Sequence[Case]) -> tuple[Skipped, ...]:
    """Return the sizes that were asked for but cannot be measured, with the reason."""
    sizes = [size for name in selection.rounds_of() for size in selection.sizes(name)]
    sizes += sweep_sizes(sizes[0]) if sweep else []
    faults = {(size.batch_size, size.samples): size.fault for size in sizes if size.fault}
    return tuple(
        Skipped(batch_size, samples, fault) for (batch_size, samples), fault in faults.items()
    )


def textbook_cases(cores: int) -> tuple[Case, ...]:
    """Return the textbook's programs as cases; they have no workload of ours."""
    return tuple(
        Case(
            implementation=program.name,
            module=program.module,
            framework=program.framework,
            extra=program.extra,
            objective=program.objective,
            style="idiomatic",
            data="resident",
            devices=("cpu",),
            variables=dict(program.variables),
            **{**_INCOMPLETE, "workload": "figure", "threads": cores},
        )
        for program in TEXTBOOK_PROGRAMS
    )


def roofline_cases(cases: Iterable[Case], *, quick: bool = False) -> tuple[Case, ...]:
    """Return the roofline probes for every device and number of threads of some cases.

    quick: one probe for each, the first that runs there; all of them take 15 seconds.
    """
    places = dict.fromkeys((case.device, case.threads) for case in cases)
    return tuple(case for place in places for case in probe_cases(*place)[: 1 if quick else None])


def probe_cases(device: Device, threads: int) -> list[Case]:
    """Return the roofline probes that run on a device, as cases."""
    return [
        Case(
            implementation=probe.name,
            module=probe.module,
            framework=probe.framework,
            extra=probe.extra,
            objective="softmax",
            style="tuned",
            data="resident",
            devices=probe.devices,
            **{**_INCOMPLETE, "workload": "ceiling", "device": device, "threads": threads},
        )
        for probe in PROBES
        if device in probe.devices
    ]


def case_size(case: Case) -> Size:
    """Return the size of a case."""
    return Size(case.batch_size, case.threads, case.samples)


def list_distributions(case: Case | Implementation) -> list[str]:
    """Return the distributions of the framework and of Keras' backend; none for an own file."""
    return [name for name in (case.framework, case.variables.get("KERAS_BACKEND")) if name]


def make_unknown_name_error(kind: str, name: str, known: Sequence[str]) -> UserError:
    """Return the error for an unknown name; it suggests similar names, or lists all."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    near = near or [candidate for candidate in known if name and name in candidate]
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}; {hint}")


# ----- trials


def plan_trials(run: Run) -> list[Trial]:
    """Return all trials of a run in the order in which they are measured.

    Randomised blocks: each round measures every case once, in an order that follows from the seed
    and the round, so that drift of the machine affects all cases alike. Roofline probes come first.
    After the last round come the textbook's programs, then the blocks of a sweep.
    """
    probes = [
        Trial(f"r1-{case.implementation}-{case.device}-t{case.threads}", "roofline", 1, case)
        for case in run.rooflines
    ]
    return [
        *probes,
        *_plan_blocks(run.seed, [(case, run.rounds[case.workload]) for case in run.cases]),
        *(Trial(f"r1-{case.implementation}", "textbook", 1, case) for case in run.textbook),
        *_plan_blocks(run.seed, [(case, run.sweep_rounds) for case in run.sweep]),
    ]


def _plan_blocks(seed: int, rounds: Sequence[tuple[Case, int]]) -> list[Trial]:
    """Return the trials of each case in as many rounds as given beside it."""
    trials = []
    for number in range(1, max((count for _, count in rounds), default=0) + 1):
        block = [case for case, count in rounds if number <= count]
        random.Random(f"{seed}/{number}").shuffle(block)  # noqa: S311 - an order, not a secret
        trials += [Trial(f"r{number}-{case.slug}", "trial", number, case) for case in block]
    return trials
