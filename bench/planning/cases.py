"""Cases and their sizes: what can be measured, from the registry or from a user's own file."""

import math
import sys
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from bench.contract import Device, Objective
from bench.errors import UserError, make_unknown_name_error
from bench.records.files import hash_file
from bench.records.schema import Case
from bench.worker.workloads import count_models, get_workload
from implementations import IMPLEMENTATIONS, MANY, PROBES, TEXTBOOK_PROGRAMS, Implementation

# From 8 images to a fifth of the data. One batch of all images is left to --batch-size: from zero
# weights, the rounding of some libraries then exceeds the tolerance (docs/parity.md).
SWEEP_BATCH_SIZES = (8, 128, 384, 1920, 9600)
# One-vs-rest updates once per sample: one other batch size shows that its time does not change.
ONE_VS_REST_BATCH_SIZE = 384

# A process that needs more than this share of the memory would be measured while it swaps.
MEMORY_SHARE = 0.6
# The images, and copies of them. TensorFlow's loops need the most memory: 8,128 MiB with 480,000
# images and 1,597 MiB with 48,000 (results/reference/amd-epyc-2-cores), which is five copies.
COPIES = 5
# The weights of several models, and copies of them. Programs take nine at most (jax-vmap with 1,000
# models), and what parent and worker keep of seven epochs to judge them the others.
MODEL_COPIES = 32


# ----- sizes


class Size(NamedTuple):
    """The size of an epoch: images per step, threads, images in all."""

    batch_size: int
    threads: int
    samples: int

    @property
    def fault(self) -> str | None:
        """Return why nothing can be measured at this size, or None.

        No batch may be ragged. One batch of all samples needs no order: a program could train it
        while it resets, which is not timed.
        """
        if self.samples == self.batch_size:
            return f"--batch-size {self.batch_size} is all samples. Choose half or less"
        if self.samples % self.batch_size == 0:
            return None
        small = [n for n in range(1, math.isqrt(self.samples) + 1) if self.samples % n == 0]
        divisors = sorted({*small, *(self.samples // n for n in small)})
        place = bisect(divisors, self.batch_size)
        near = " or ".join(map(str, divisors[max(0, place - 1) : place + 1]))
        return (
            f"--batch-size {self.batch_size} does not divide {self.samples} samples; {near} would"
        )


def get_size(case: Case) -> Size:
    """Return the size of a case."""
    return Size(case.batch_size, case.threads, case.samples)


def list_sweep_sizes(base: Size) -> list[Size]:
    """Return the sizes of a sweep around a base, without the base itself."""
    return [base._replace(batch_size=size) for size in SWEEP_BATCH_SIZES if size != base.batch_size]


def compute_max_samples(features: int, memory: int) -> int:
    """Return how many images fit into a process. memory: bytes of the machine."""
    return int(MEMORY_SHARE * memory / (4 * features * COPIES))


def compute_max_models(samples: int, features: int, classes: int, memory: int) -> int:
    """Return how many models fit into a process beside its images. memory: of the machine."""
    remaining = MEMORY_SHARE * memory - 4 * features * COPIES * samples
    return int(remaining / (4 * (features + 1) * classes * MODEL_COPIES))


def check_memory(samples: int, features: int, memory: int) -> None:
    """Raise UserError if the memory of this machine, in bytes, does not hold this many samples."""
    if samples > (most := compute_max_samples(features, memory)):
        raise UserError(f"--samples {samples}: this machine's memory holds {most} at most")


# ----- cases


def make_case(entry: Implementation, **changes: Any) -> Case:
    """Return the case of a registry entry, incomplete without changes: see ``complete_case``."""
    case = Case(
        implementation=entry.name,
        module=entry.module,
        framework=entry.framework,
        extra=entry.extra,
        objective=entry.objective,
        style=entry.style,
        data_access=entry.data,
        devices=entry.devices,
        variables=dict(entry.variables),
        pixel_bytes=dict(entry.pixel_bytes),
        one_core=entry.one_core,
        many=entry.many,
        workload="",
        device="cpu",
        batch_size=0,
        threads=0,
        samples=0,
        epochs=0,
    )
    return replace(case, **changes)


def list_distributions(case: Case | Implementation) -> list[str]:
    """Return the distributions of the framework and of Keras' backend; none for an own file."""
    return [name for name in (case.framework, case.variables.get("KERAS_BACKEND")) if name]


def complete_case(
    case: Case, workload: str, device: Device, size: Size, epochs: int | None = None
) -> Case:
    """Return a case with its workload, device, size and epochs."""
    epochs = epochs or get_workload(workload).epochs
    return replace(case, workload=workload, device=device, epochs=epochs, **size._asdict())


def can_train(case: Case, workload: str) -> bool:
    """Return whether a program trains as many models together as a workload asks for."""
    return case.many == (count_models(workload) > 0)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a user's own file is, and what it imports when it is loaded.

    siblings: SHA-256 of the files below its folder, by relative path. modules: the path of each
    top-level module that is neither a sibling, nor of the suite or the standard library. many: see
    ``Case``.
    """

    objective: Objective = "softmax"
    siblings: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    many: bool = False


def find_implementation(name: str, inspect: Callable[[Path], Inspection]) -> Case:
    """Return the incomplete case of a registered name or of a user's own file.

    inspect: imports a user's own file in a child. Raises UserError for an unknown name, and for a
    file that cannot be used.
    """
    programs = (*IMPLEMENTATIONS, *MANY)
    for entry in programs:
        if entry.name == name:
            return make_case(entry)
        if name and entry.former_name == name:
            raise UserError(f"{name} is called {entry.name} now. Give that name")
    if not (name.endswith(".py") or "/" in name):
        names = [entry.name for entry in programs]
        raise make_unknown_name_error("implementation", name, names)
    path = Path(name)
    if not path.is_file():
        raise UserError(f"there is no implementation file {path}. Give a name or a .py file")
    taken = {name for entry in programs for name in (entry.name, entry.framework)}
    if path.stem in taken | sys.stdlib_module_names or not path.stem.isidentifier():
        raise UserError(f"{path.name}: name the file like a Python module, and not like a built-in")
    # How a user's file stores images is unknown. No program of ours reads less than a byte.
    inspection = inspect(path)
    entry = Implementation(
        name=path.stem,
        module=path.stem,
        framework="",
        extra="",
        objective=inspection.objective,
        pixel_bytes={"cpu": 1, "gpu": 1},
    )
    return make_case(
        entry,
        style="own",
        data_access="own",
        file=str(path),
        sha256=hash_file(path),
        siblings=dict(inspection.siblings),
        many=inspection.many,
    )


def list_sweep(cases: Sequence[Case], named: Collection[str] = ()) -> tuple[Case, ...]:
    """Return the cases of a sweep around those of the first workload, with their first threads.

    What the run measures as a case of its own, for the ladder, is left out, and so is a program
    that is not always measured, unless it is named: all of them would take an hour more.
    """
    base = get_size(cases[0])
    added = {entry.name for entry in IMPLEMENTATIONS if not entry.always} - set(named)
    peers = [case for case in cases if case.workload == cases[0].workload]
    measured = {(case.implementation, case.device, case.batch_size) for case in peers}
    first = {(case.implementation, case.device): case for case in reversed(peers)}
    return tuple(
        replace(case, batch_size=size)
        for size, _, _ in (size for size in list_sweep_sizes(base) if size.fault is None)
        for case in first.values()
        if case.implementation not in added
        and (case.objective == "softmax" or size == ONE_VS_REST_BATCH_SIZE)
        and (case.implementation, case.device, size) not in measured
    )


def list_textbook_programs(cores: int) -> tuple[Case, ...]:
    """Return the textbook's programs as cases; they have no workload of ours."""
    return tuple(
        make_case(program, workload="textbook", threads=cores) for program in TEXTBOOK_PROGRAMS
    )


def list_rooflines(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Return the roofline probes for every device and number of threads of the cases.

    Those of the frameworks of the cases, and NumPy's; on a GPU all, since any may be absent there.
    """
    cases = list(cases)
    frameworks = {"numpy", *(name for case in cases for name in list_distributions(case))}
    places = dict.fromkeys((case.device, case.threads) for case in cases)
    return tuple(
        make_case(probe, workload="roofline", device=device, threads=threads)
        for device, threads in places
        for probe in PROBES
        if device in probe.devices and (device == "gpu" or probe.framework in frameworks)
    )


def assign_python(case: Case, pythons: Mapping[str, str]) -> Case:
    """Return the case with the Python of its framework or, for Keras, of its backend.

    Where none is given for them, a layer gets that of the program that it is built on. Raises
    UserError where framework and backend have different ones.
    """
    names = [name for name in list_distributions(case) if name in pythons]
    if len({pythons[name] for name in names}) > 1:
        raise UserError(
            f"{case.implementation} is of {' and '.join(names)}: --python gives them different "
            "Pythons. Leave one out"
        )
    if names:
        return replace(case, interpreter=pythons[names[0]])
    registry = {entry.name: entry for entry in IMPLEMENTATIONS}
    entry = registry.get(case.implementation)
    if entry is None or not entry.layer_over:
        return case
    below = assign_python(make_case(registry[entry.layer_over]), pythons)
    return replace(case, interpreter=below.interpreter)
