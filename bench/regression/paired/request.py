"""What ``bench ab`` was asked for, checked against what there is, and where its versions are."""

import datetime as dt
import importlib.metadata
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bench.cli import options, parsing
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError
from bench.records.schema import FORMAT, Case
from bench.regression.paired import pair
from bench.regression.paired.metrics import ON_REQUEST
from bench.regression.paired.plan import Absent, Comparison, Pairing
from bench.regression.stats.decision import ALPHA
from bench.regression.versions import spec, venv
from bench.regression.versions.site import Site, changed, prepared
from bench.regression.versions.spec import Kind, Version
from bench.runner import plan
from bench.runner.plan import Size
from bench.runner.process import preflight
from bench.runner.process.spec import Installation
from bench.worker.data import read
from bench.worker.machine import usable_cores
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS, Implementation

# One core: the machine's noise is least there, and what it sees is the work that is done.
THREADS = "1"
BUDGET = "3m"
TOLERANCE = "2%"


@dataclass(frozen=True, slots=True)
class Given:
    """The flags of ``bench ab`` and ``bench calibrate`` that say what is measured, as given."""

    implementations: tuple[str, ...] = ()
    workload: str = "sgd"
    device: str = "cpu"
    batch_size: str | None = None
    threads: str = THREADS
    samples: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The flags of ``bench ab`` that say how it is judged, as given."""

    tolerance: str = TOLERANCE
    budget: str = BUDGET
    gates: tuple[str, ...] = ()
    timeout: float = 600.0
    seed: int = 42


@dataclass(frozen=True, slots=True)
class Asked:
    """A comparison, where its two versions are while it is measured, and its data."""

    plan: Comparison
    places: Mapping[str, Installation]
    data: Dataset


@contextmanager
def comparison(
    sides: tuple[str, str],
    given: Given,
    terms: Terms,
    command: str,
    progress: Callable[[str], None],
) -> Iterator[Asked]:
    """Prepare both versions and have them until the end; raises UserError.

    progress: is told what takes long.
    """
    base, candidate = map(spec.read, sides)
    if fault := spec.fault(base, candidate):
        raise UserError(fault)
    base, candidate = alike(base, candidate), alike(candidate, base)
    tolerance = parsing.share(terms.tolerance, "--tolerance", least=0.0)
    budget, gates = (
        parsing.seconds(terms.budget),
        options.several("gate", terms.gates, ON_REQUEST),
    )
    size, data = sized(given), dataset.find(given.data)
    chosen = _chosen(base, candidate, given)
    with prepared(base, chosen, progress) as one, prepared(candidate, chosen, progress) as other:
        pairings, absent = _pairings((base, one), (candidate, other), given, chosen)
        now = dt.datetime.now(dt.UTC)
        filled = tuple(Pairing(size(each.base), size(each.candidate)) for each in pairings)
        yield Asked(
            Comparison(
                format=FORMAT, run=f"{now:%Y%m%d-%H%M%S}-ab-{secrets.token_hex(2)}",
                command=command, created=now.isoformat(timespec="seconds"), seed=terms.seed,
                base=base, candidate=candidate, pairings=filled, tolerance=tolerance or 0.0,
                alpha=ALPHA, budget=budget or 0.0, timeout=terms.timeout, absent=tuple(absent),
                gates=gates, data=given.data,
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


def sized(given: Given) -> Callable[[Case], Case]:
    """Return what gives a case its workload, device and one size; raises UserError."""
    if given.workload not in WORKLOADS:
        raise plan.unknown_name("workload", given.workload, list(WORKLOADS))
    workload = WORKLOADS[given.workload]
    device = options.known_device(given.device)
    batch_sizes = parsing.whole_numbers("--batch-size", given.batch_size)
    samples = parsing.whole_numbers("--samples", given.samples)
    threads = options.known_threads(given.threads, len(usable_cores()))
    for flag, found in (("batch-size", batch_sizes), ("samples", samples), ("threads", threads)):
        if len(found) > 1:
            raise UserError(f"--{flag}: two versions are compared at one size; give one number")
    images, labels = read(dataset.find(given.data).folder, "train")
    size = Size(
        next(iter(batch_sizes), workload.batch_size), threads[0], next(iter(samples), len(labels))
    )
    if size.fault:
        raise UserError(size.fault)
    options.fits(size.samples, images.shape[1])
    return lambda case: plan.complete_case(case, given.workload, device, size)


def cases(given: Given) -> tuple[Case, ...]:
    """Return the registered implementations that were named, or all, at one size."""
    names = dict.fromkeys(given.implementations or (entry.name for entry in IMPLEMENTATIONS))
    size = sized(given)
    return tuple(size(plan.find_implementation(name, preflight.read_objective)) for name in names)


def _chosen(base: Version, candidate: Version, given: Given) -> list[Implementation]:
    """Return what was named, or what uses the packages; of revisions it is known only later."""
    kinds = {base.kind, candidate.kind}
    if given.implementations:
        return _named(given.implementations, kinds)
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
    given: Given,
    chosen: list[Implementation],
) -> tuple[list[Pairing], list[Absent]]:
    """Pair what both versions have, and say of the rest why there is nothing to compare with."""
    if base[0].kind == "file":
        return [Pairing(_file(base[0]), _file(candidate[0]))], []
    ours, theirs = ({one.name: one for one in side[1].registry} for side in (base, candidate))
    names = given.implementations or tuple(entry.name for entry in chosen)
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
