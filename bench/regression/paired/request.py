"""What ``bench ab`` was asked for, checked against what there is, and where its versions are."""

import datetime as dt
import importlib.metadata
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bench.contract import Device
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.records.schema import FORMAT, Case
from bench.regression.paired import pair
from bench.regression.paired.plan import Absent, Comparison, Pairing
from bench.regression.stats.decision import ALPHA
from bench.regression.versions import spec, venv
from bench.regression.versions.site import Site, changed, prepared
from bench.regression.versions.spec import Kind, Version
from bench.runner import plan
from bench.runner.plan import Size
from bench.runner.planning import check_memory, resolve_threads
from bench.runner.process import preflight
from bench.runner.process.spec import Installation
from bench.worker.data import read
from bench.worker.machine import usable_cores
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS, Implementation


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOptions:
    """What ``bench ab`` and ``bench calibrate`` measure; None is the workload's or all.

    threads: one core by default, where the machine's noise is least; ALL_CORES for every core.
    """

    implementations: tuple[str, ...] = ()
    workload: str = "sgd"
    device: Device = "cpu"
    batch_size: int | None = None
    threads: int = 1
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A comparison, where its two versions are while it is measured, and its data."""

    plan: Comparison
    places: Mapping[str, Installation]
    data: Dataset


@contextmanager
def comparison(
    sides: tuple[str, str],
    options: CaseOptions,
    *,
    tolerance: float,
    budget: float,
    gates: tuple[str, ...] = (),
    timeout: float = 600.0,
    seed: int = 42,
    command: str,
    progress: Callable[[str], None],
) -> Iterator[Asked]:
    """Prepare both versions and remove their environments at the end; raises UserError.

    tolerance: share of a difference to ignore. budget, timeout: seconds. gates: the quantities to
    judge besides the epoch. progress: called with a line before each slow step.
    """
    base, candidate = map(spec.read, sides)
    if fault := spec.fault(base, candidate):
        raise UserError(fault)
    base, candidate = alike(base, candidate), alike(candidate, base)
    size, data = sized(options), dataset.find(options.data)
    chosen = _chosen(base, candidate, options)
    with prepared(base, chosen, progress) as one, prepared(candidate, chosen, progress) as other:
        pairings, absent = _pairings((base, one), (candidate, other), options, chosen)
        now = dt.datetime.now(dt.UTC)
        filled = tuple(Pairing(size(each.base), size(each.candidate)) for each in pairings)
        yield Asked(
            Comparison(
                format=FORMAT, run=f"{now:%Y%m%d-%H%M%S}-ab-{secrets.token_hex(2)}",
                command=command, created=now.isoformat(timespec="seconds"), seed=seed,
                base=base, candidate=candidate, pairings=filled, tolerance=tolerance,
                alpha=ALPHA, budget=budget, timeout=timeout, absent=tuple(absent),
                gates=gates, data=options.data,
            ),
            {pair.BASE: one.place, pair.CANDIDATE: other.place},
            data,
        )  # fmt: skip


def alike(of: Version, other: Version) -> Version:
    """Return packages for the tree as it is, where the other side is packages.

    What runs now has more installed than an environment of its own, and a library that finds
    another may import it: both sides get an environment, with the same packages in other versions.
    """
    if of.kind != "tree" or other.kind != "packages":
        return of
    here = {name: _installed(name) for name in sorted(other.packages)}
    held = tuple(filter(None, (venv.constraint(*each) for each in here.items())))
    name = " ".join(f"{name}=={release}" for name, release in here.items())
    return Version(name, "packages", requirements=held)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"{name} is not installed here; name a release of it on both sides"
        ) from None


def sized(options: CaseOptions) -> Callable[[Case], Case]:
    """Return what gives a case its workload, device and size; raises UserError."""
    images, labels = read(dataset.find(options.data).folder, "train")
    threads = resolve_threads(options.threads, len(usable_cores()))
    batch_size = options.batch_size or WORKLOADS[options.workload].batch_size
    size = Size(batch_size, threads, len(labels))
    if size.fault:
        raise UserError(size.fault)
    check_memory(size.samples, images.shape[1])
    return lambda case: plan.complete_case(case, options.workload, options.device, size)


def cases(options: CaseOptions) -> tuple[Case, ...]:
    """Return the registered implementations that were named, or all, at one size."""
    names = dict.fromkeys(options.implementations or (entry.name for entry in IMPLEMENTATIONS))
    size = sized(options)
    return tuple(size(plan.find_implementation(name, preflight.read_objective)) for name in names)


def _chosen(base: Version, candidate: Version, options: CaseOptions) -> list[Implementation]:
    """Return what was named, or what uses the packages; of revisions it is known only later."""
    kinds = {base.kind, candidate.kind}
    if options.implementations:
        return _named(options.implementations, kinds)
    if "file" in kinds:
        return []
    if "packages" in kinds:
        named = base.packages | candidate.packages
        found = [one for one in IMPLEMENTATIONS if named & set(plan.list_distributions(one))]
        if found:
            return found
    if "revision" in kinds:
        return []
    raise UserError("nothing tells what is to be measured; name it with --implementation")


def _named(names: tuple[str, ...], kinds: set[Kind]) -> list[Implementation]:
    """Return what was named of ours; only a revision may have what we have not."""
    if "file" in kinds:
        raise UserError("two files say what is measured; leave out --implementation")
    ours = {entry.name: entry for entry in IMPLEMENTATIONS}
    unknown = [name for name in names if name not in ours]
    if unknown and "revision" not in kinds:
        raise plan.unknown_name("implementation", unknown[0], [*ours])
    return [entry for name, entry in ours.items() if name in names]


def _pairings(
    base: tuple[Version, Site],
    candidate: tuple[Version, Site],
    options: CaseOptions,
    chosen: list[Implementation],
) -> tuple[list[Pairing], list[Absent]]:
    """Pair what both versions have, and say of the rest why there is nothing to compare with."""
    if base[0].kind == "file":
        return [Pairing(_file(base[0]), _file(candidate[0]))], []
    ours, theirs = ({one.name: one for one in side[1].registry} for side in (base, candidate))
    names = options.implementations or tuple(entry.name for entry in chosen)
    if not names:
        found = changed(base[1], candidate[1])
        names = (*found.changed, *found.only_base, *found.only_candidate)
    for name in names:
        if name not in ours and name not in theirs:
            raise plan.unknown_name("implementation", name, [*theirs])
    both = [name for name in dict.fromkeys(names) if name in ours and name in theirs]
    absent = [
        Absent(name, f"not in {(base if name in theirs else candidate)[0].name}")
        for name in dict.fromkeys(names)
        if name not in both
    ]
    return [
        Pairing(plan.case_from_entry(ours[name]), plan.case_from_entry(theirs[name]))
        for name in both
    ], absent


def _file(of: Version) -> Case:
    return plan.find_implementation(str(of.path), preflight.read_objective)
