"""What the command line asked for, checked against what there is, as the plan of a run."""

import datetime as dt
import importlib.metadata
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast, get_args

from bench import dataset, interpreters, plan, prepared, probe, store, trusted
from bench.check import Examiner
from bench.contract import Device
from bench.error import UserError
from bench.machine import usable_cores
from bench.result import FORMAT, Case, Run
from bench.sizes import most_samples
from bench.workload import WORKLOADS
from implementations import IMPLEMENTATIONS, Implementation

RESULTS = Path("results")
MOST = 2**31 - 1
_LEAST_MEMORY = 2**26  # Python and NumPy alone take half of that


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


def planned(output: Path | None, given: Given, command: str) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run; raises UserError, and writes nothing."""
    precision, budget = share(given.precision), seconds(given.budget)
    selection = _selection(given, precision)
    pythons = interpreters.read(given.pythons)

    def placed(cases: Iterable[Case]) -> tuple[Case, ...]:
        return tuple(interpreters.given(each, pythons) for each in cases)

    cases = placed(plan.cases(selection, probe.file))
    sweep = plan.swept(cases) if given.sweep else ()
    now = dt.datetime.now(dt.UTC)
    name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = output or RESULTS / name
    writable(folder)
    figures = plan.figures() if selection.with_figures() and given.data is None else ()
    ceilings = plan.ceilings((*cases, *sweep), quick=given.quick) if given.ceiling else ()
    return folder, Run(
        format=FORMAT, run=name, command=command, created=now.isoformat(timespec="seconds"),
        seed=given.seed, rounds=selection.rounds_of(), cases=cases, figures=placed(figures),
        timeout=given.timeout, data=given.data, precision=precision, budget=budget,
        memory_limit=size(given.memory_limit), sweep=sweep, sweep_rounds=given.rounds or 1,
        skipped=plan.skipped(selection, sweep),
        ceilings=placed(ceilings),
    )  # fmt: skip


def resumed(output: Path | None, given: Given) -> tuple[Path, Run]:
    """Return the folder and the plan of an earlier run, the newest where none is named.

    The folder may come from somebody else, and going on runs what its plan names: programs that are
    not the suite's own are named again by whoever lets them run. Raises UserError.
    """
    changed = [field for field in fields(Given) if field.name not in _NAMED_AGAIN
               and getattr(given, field.name) != field.default]  # fmt: skip
    if changed:
        flags = " and ".join(_flag(field.name, field.default) for field in changed)
        raise UserError(f"--resume goes on with the plan of the run; leave out {flags}")
    folder = output or _newest()
    run = store.read_run(folder)
    trusted.check(run, given.implementations, given.pythons)
    return folder, run


_NAMED_AGAIN = {"implementations", "pythons"}


def _newest() -> Path:
    runs = sorted(RESULTS.glob("*/run.json"), key=lambda path: store.read_run(path.parent).created)
    if not runs:
        raise UserError(f"there is no run in {RESULTS}/ to resume; name its folder with --output")
    return runs[-1].parent


def _flag(name: str, default: object) -> str:
    """Name a flag; one that can be repeated is in the singular, one that is on is switched off."""
    if default is True:
        return f"--no-{name}"
    return "--" + (name.removesuffix("s") if default == () else name).replace("_", "-")


def share(text: str | None, flag: str = "--precision", least: float = 0.001) -> float | None:
    """Read a share such as 2% or 0.02; raises UserError unless it lies between least and 50 %."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if found is None or not least <= value <= 0.5:
        raise UserError(f"{flag} {text}: give a share from {100 * least:g}% to 50%, such as 2%")
    return value


def several(what: str, texts: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Read a flag that may be given several times, with commas too: all of it counts, each once.

    Raises UserError for what is not known.
    """
    found = [each.strip() for text in texts for each in text.split(",")]
    for each in found:
        if each not in known:
            raise plan.unknown(what, each, known)
    return tuple(dict.fromkeys(found))


def seconds(text: str | None) -> float | None:
    """Read a time such as 90s, 10m or 1.5h; raises UserError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d*)?)([smh])", text.strip())
    value = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not value >= 1:
        raise UserError(f"--budget {text}: give a time of a second or more, such as 90s, 10m or 2h")
    return value


def size(text: str | None) -> int | None:
    """Read a size such as 512MiB, 2GiB or 1.5GB as bytes; raises UserError below 64 MiB."""
    if text is None:
        return None
    units = {"MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?([MG]i?B)", text.strip(), re.IGNORECASE)
    value = int(float(found[1]) * units[found[2].upper()]) if found else 0
    if value < _LEAST_MEMORY:
        raise UserError(f"--memory-limit {text}: give 64 MiB or more, such as 512MiB or 2GiB")
    return value


def _selection(given: Given, precision: float | None) -> plan.Selection:
    for name in given.workloads:
        if name not in WORKLOADS:
            raise plan.unknown("workload", name, list(WORKLOADS))
    devices = cast("tuple[Device, ...]", several("device", [given.device], get_args(Device)))
    if given.sweep and (given.batch_size or given.threads or given.samples):
        raise UserError("--sweep chooses --batch-size, --threads and --samples; leave those out")
    batch_sizes, samples = (
        whole_numbers("--batch-size", given.batch_size),
        whole_numbers("--samples", given.samples),
    )
    threads = known_threads(given.threads)
    images, labels = prepared.read(dataset.find(given.data).folder, "train")
    # Where one number fits, a larger one is a row with its reason.
    fits(min(samples, default=0), images.shape[1])
    return plan.Selection(
        given.implementations, tuple(dict.fromkeys(given.workloads)), devices,
        batch_sizes, threads, samples, given.epochs, _rounds(given, precision), given.quick,
        available=len(labels),
    )  # fmt: skip


def whole_numbers(flag: str, text: str | None) -> tuple[int, ...]:
    """Read whole numbers such as 32 or 8,32,128; raises UserError."""
    found = () if text is None else tuple(each.strip() for each in text.split(","))
    if not all(re.fullmatch(r"[0-9]{1,10}", each) and 0 < int(each) <= MOST for each in found):
        raise UserError(
            f"{flag} {text}: give a whole number from 1 to {MOST}, or several: 8,32,128"
        )
    return tuple(dict.fromkeys(map(int, found)))


def examination(given: Given) -> tuple[list[Case], Examiner]:
    """Return what ``bench check`` examines, and who does it; raises UserError."""
    device, threads = known_device(given.device), known_threads(given.threads)
    if len(threads) > 1:
        raise UserError(f"--threads {given.threads}: an examination has one number of threads")
    names = given.implementations or tuple(entry.name for entry in IMPLEMENTATIONS)
    cases = [plan.implementation(name, probe.file) for name in dict.fromkeys(names)]
    pythons = interpreters.read(given.pythons)
    cases = [interpreters.given(each, pythons) for each in cases]
    data = [dataset.find(name) for name in dict.fromkeys(("digits", given.data))]
    return cases, Examiner(
        data,
        seed=given.seed,
        threads=threads[0] if threads else len(usable_cores()),
        timeout=given.timeout,
        device=device,
    )


def known_device(name: str) -> Device:
    """Return a device; raises UserError where there is none of that name."""
    for known in get_args(Device):
        if known == name:
            return cast("Device", known)
    raise plan.unknown("device", name, get_args(Device))


def known_threads(text: str | None) -> tuple[int, ...]:
    """Return the numbers of threads, "all" as the cores; raises UserError for too many."""
    cores = len(usable_cores())
    found = whole_numbers(
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
    if samples > (most := most_samples(features)):
        raise UserError(f"--samples {samples}: {most} are as many as this machine's memory holds")


def writable(folder: Path) -> None:
    """Refuse a folder that holds a run or cannot be written, before anything is measured."""
    store.refuse_another_run(folder)
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}; choose another --output")


def installed(entry: Implementation) -> str:
    """Name the installed version of an implementation's framework, or how to install it."""
    names = plan.distributions(entry)
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed: pip install 'softmax-bench[{entry.extra}]'"
