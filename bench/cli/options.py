"""What the command line asked for, checked against what there is, as the plan of a run."""

import datetime as dt
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast, get_args

import msgspec

from bench.cli import parsing
from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError
from bench.records import environments, store
from bench.records.schema import FORMAT, Case, Run
from bench.regression.paired.request import CaseOptions
from bench.runner import plan, resume
from bench.runner.parity.conformance import Examiner
from bench.runner.plan import max_samples
from bench.runner.process import interpreters, preflight
from bench.worker import data as prepared
from bench.worker.machine import usable_cores
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS

RESULTS = Path("results")
NO_GPU = "no host has a GPU; start a worker on one that has, or leave out --device gpu"


@dataclass(frozen=True, slots=True)
class Given:
    """The flags of ``bench run`` as given; defaults mean that a flag was not given."""

    implementations: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    device: str = "cpu"
    batch_size: str | None = None
    threads: str | None = None
    samples: str | None = None
    epochs: int | None = None
    rounds: int | None = None
    timeout: float = 600.0
    seed: int = 42
    quick: bool = False
    sweep: bool = False
    ceiling: bool = True
    data: str | None = None
    precision: str | None = None
    budget: str | None = None
    pythons: tuple[str, ...] = ()
    memory_limit: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """Where a plan is measured: here, or on hosts of a cluster that are of one machine.

    cores: those that a process may use there. machine: its id, None for here. gpu: whether the
    hosts have one; without one, they measure no cases of the GPU.
    """

    cores: int
    machine: str | None = None
    gpu: bool = True


def planned(
    output: Path | None, given: Given, command: str, where: Where | None = None
) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run; raises UserError, and writes nothing."""
    where = where or Where(len(usable_cores()))
    precision, budget = parsing.share(given.precision), parsing.seconds(given.budget)
    selection = _selection(given, precision, where)
    pythons = interpreters.parse_options(given.pythons)

    def placed(cases: Iterable[Case]) -> tuple[Case, ...]:
        return tuple(interpreters.assign_python(each, pythons) for each in cases)

    cases = placed(plan.plan_cases(selection, preflight.read_objective))
    sweep = plan.sweep_cases(cases) if given.sweep else ()
    name, created = fresh_name()
    folder = output or RESULTS / name
    writable(folder)
    figures = (
        plan.textbook_cases(where.cores) if selection.with_figures() and given.data is None else ()
    )
    ceilings = plan.roofline_cases((*cases, *sweep), quick=given.quick) if given.ceiling else ()
    return folder, Run(
        format=FORMAT, run=name, command=command, created=created,
        seed=given.seed, rounds=selection.rounds_of(), cases=cases, textbook=placed(figures),
        timeout=given.timeout, data=given.data, precision=precision, budget=budget,
        memory_limit=parsing.size(given.memory_limit), sweep=sweep, sweep_rounds=given.rounds or 1,
        skipped=plan.skipped_sizes(selection, sweep),
        rooflines=placed(ceilings), machine=where.machine,
    )  # fmt: skip


def fresh_name() -> tuple[str, str]:
    """Return a name that no other run has, and the moment that it was made in."""
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", now.isoformat(timespec="seconds")


def resumed(output: Path | None, given: Given) -> tuple[Path, Run]:
    """Return the folder and the plan of an earlier run, the newest where none is named.

    The folder may come from somebody else: the code that runs comes from the registry, or is named
    again on this command line, as are data whose folder the plan does not tell.
    Raises UserError.
    """
    changed = [field for field in fields(Given) if field.name not in _NAMED_AGAIN
               and getattr(given, field.name) != field.default]  # fmt: skip
    if changed:
        flags = " and ".join(_flag(field.name, field.default) for field in changed)
        raise UserError(f"--resume goes on with the plan of the run; leave out {flags}")
    folder = output or newest()
    run = resume.resolve_code(store.read_run(folder), given.implementations, given.pythons)
    if given.data is not None:
        run = _with_data(folder, run, given.data)
    elif run.data is not None and run.data.startswith("<path>"):
        raise UserError(f"the plan does not tell where the data {run.data} are; add --data DIR")
    return folder, run


_NAMED_AGAIN = {"implementations", "pythons", "data"}


def _with_data(folder: Path, run: Run, data: str) -> Run:
    """Return a plan with the data that the user names again; raise UserError for other data."""
    sha256 = dataset.find(data).sha256
    known, _ = environments.read_undamaged(folder)
    if any(each.data.get("sha256", sha256) != sha256 for each in known.values()):
        raise UserError(f"--data {data}: the run was begun with other data; name the same again")
    return msgspec.structs.replace(run, data=data)


def newest(*, clustered: bool = False) -> Path:
    """Return the folder of the newest run, or of the collection that it is in.

    clustered: of those that hosts of a cluster measure. Raises UserError where there is none.
    """
    places = ("*/run.json", "*/*/run.json") if clustered else ("*/run.json",)
    found = [path.parent for place in places for path in RESULTS.glob(place)]
    runs = {folder: store.read_run(folder) for folder in found}
    wanted = [folder for folder, run in runs.items() if run.machine or not clustered]
    if not wanted:
        raise UserError(f"there is no run in {RESULTS}/ to resume; name its folder with --output")
    last = max(wanted, key=lambda folder: runs[folder].created)
    return last if last.parent == RESULTS else last.parent


def _flag(name: str, default: object) -> str:
    """Name a flag; one that can be repeated is in the singular, one that is on is switched off."""
    if default is True:
        return f"--no-{name}"
    return "--" + (name.removesuffix("s") if default == () else name).replace("_", "-")


def several(what: str, texts: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Read a flag that may be given several times, with commas too: all of it counts, each once.

    Raises UserError for what is not known.
    """
    found = [each.strip() for text in texts for each in text.split(",")]
    for each in found:
        if each not in known:
            raise plan.unknown_name(what, each, known)
    return tuple(dict.fromkeys(found))


def _selection(given: Given, precision: float | None, where: Where) -> plan.Selection:
    for name in given.workloads:
        if name not in WORKLOADS:
            raise plan.unknown_name("workload", name, list(WORKLOADS))
    devices = devices_of(given, gpu=where.gpu)
    if given.sweep and (given.batch_size or given.threads or given.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples; leave those out")
    batch_sizes, samples = (
        parsing.whole_numbers("--batch-size", given.batch_size),
        parsing.whole_numbers("--samples", given.samples),
    )
    threads = known_threads(given.threads, where.cores)
    images, labels = prepared.read(dataset.find(given.data).folder, "train")
    if where.machine is None:  # where one number fits, a larger one is a row with its reason
        fits(min(samples, default=0), images.shape[1])
    return plan.Selection(
        given.implementations, tuple(dict.fromkeys(given.workloads)), devices,
        batch_sizes, threads, samples, given.epochs, _rounds(given, precision), given.quick,
        available=len(labels), cores=where.cores,
    )  # fmt: skip


def devices_of(given: Given, *, gpu: bool) -> tuple[Device, ...]:
    """Return the devices that were asked for and are there; raises UserError where none is."""
    asked = cast("tuple[Device, ...]", several("device", [given.device], get_args(Device)))
    found = tuple(each for each in asked if each == "cpu" or gpu)
    if not found:
        raise UserError(NO_GPU)
    return found


def examination(given: Given) -> tuple[list[Case], Examiner]:
    """Return what ``bench check`` examines, and who does it; raises UserError."""
    cores = len(usable_cores())
    device, threads = known_device(given.device), known_threads(given.threads, cores)
    if len(threads) > 1:
        raise UserError(f"--threads {given.threads}: an examination has one number of threads")
    names = given.implementations or tuple(entry.name for entry in IMPLEMENTATIONS)
    cases = [
        plan.find_implementation(name, preflight.read_objective) for name in dict.fromkeys(names)
    ]
    pythons = interpreters.parse_options(given.pythons)
    cases = [interpreters.assign_python(each, pythons) for each in cases]
    data = [dataset.find(name) for name in dict.fromkeys(("digits", given.data))]
    return cases, Examiner(
        data,
        seed=given.seed,
        threads=threads[0] if threads else cores,
        timeout=given.timeout,
        device=device,
    )


def known_device(name: str) -> Device:
    """Return a device; raises UserError where there is none of that name."""
    for known in get_args(Device):
        if known == name:
            return cast("Device", known)
    raise plan.unknown_name("device", name, get_args(Device))


def known_threads(text: str | None, cores: int) -> tuple[int, ...]:
    """Return the numbers of threads, "all" as the cores; raises UserError for too many."""
    found = parsing.whole_numbers(
        "--threads", None if text is None else re.sub(r"\ball\b", str(cores), text)
    )
    if max(found, default=0) > cores:
        raise UserError(f"--threads {text}: this machine lets us use {cores} at most")
    return found


def _rounds(given: Given, precision: float | None) -> int | None:
    """Rounds that were asked for; a precision is known after a first stage of more than one."""
    if precision is None:
        return given.rounds
    if given.quick or given.rounds == 1:
        raise UserError("--precision needs the spread of two rounds or more; raise --rounds")
    return given.rounds or plan.FIRST_STAGE


def fits(samples: int, features: int) -> None:
    """Raise UserError where this machine's memory does not hold so many samples."""
    if samples > (most := max_samples(features)):
        raise UserError(f"--samples {samples}: {most} are as many as this machine's memory holds")


def writable(folder: Path) -> None:
    """Refuse a folder that holds a run or cannot be written, before anything is measured."""
    store.reject_used_folder(folder)
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}; choose another --output")


def case_options(
    implementations: Iterable[str] | None,
    workload: str,
    device: str,
    *,
    batch_size: str | None,
    threads: str,
    samples: str | None,
    data: str | None,
) -> CaseOptions:
    """Return what ``bench ab`` and ``bench calibrate`` measure, at one size; raise UserError."""
    sizes = {
        "batch-size": parsing.whole_numbers("--batch-size", batch_size),
        "samples": parsing.whole_numbers("--samples", samples),
        "threads": known_threads(threads, len(usable_cores())),
    }
    for flag, values in sizes.items():
        if len(values) > 1:
            raise UserError(f"--{flag}: two versions are compared at one size. Give one number")
    return CaseOptions(
        implementations=tuple(implementations or ()),
        workload=workload,
        device=known_device(device),
        batch_size=next(iter(sizes["batch-size"]), None),
        threads=sizes["threads"][0],
        samples=next(iter(sizes["samples"]), None),
        data=data,
    )
