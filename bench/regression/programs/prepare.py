"""Prepare what ``bench ab`` measures: cases, versions and their sites."""

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from bench.contract import Device
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import UserError, make_unknown_name_error
from bench.planning.cases import (
    Size,
    check_memory,
    complete_case,
    list_distributions,
    make_case,
)
from bench.records.schema import Case
from bench.regression.pairs.plan import BASELINE, CANDIDATE, Terms
from bench.regression.programs.comparison_plan import (
    PROCESS_TIMEOUT,
    REACH,
    Absent,
    ComparisonPlan,
    Pairing,
)
from bench.regression.programs.judge_pairs import MEAN_EPOCH
from bench.regression.programs.own_files import check_sources, pair_files
from bench.regression.versions import venv
from bench.regression.versions.names import Version, find_incompatibility, parse_version
from bench.regression.versions.site import Site, find_changes, prepare_site
from bench.runner.host.machine import read_usable_memory
from bench.runner.process import preflight
from bench.runner.process.spec import Installation
from bench.worker.data import read_labels
from bench.worker.machine import list_usable_cores, resolve_threads
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS, Implementation


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """Which cases are measured, and at which one size."""

    implementations: tuple[str, ...] = ()  # names, or files of a user; empty for the default
    workload: str = "sgd"
    device: Device = "cpu"
    batch_size: int | None = None  # None for that of the workload
    threads: int = 1  # 0 for every core; one core has the least noise
    data: str | None = None  # name or folder of a data set
    samples: int | None = None  # None for all of its training images
    envs: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})  # of the workers of each side


@dataclass(frozen=True, slots=True)
class PreparedComparison:
    """A comparison that is ready to be measured."""

    plan: ComparisonPlan
    installations: Mapping[str, Installation]  # of each version
    data: Dataset


@contextmanager
def prepare_comparison(
    terms: Terms, cases: CaseOptions, gates: tuple[str, ...] = ()
) -> Iterator[PreparedComparison]:
    """Yield a comparison of two named versions with their sites; raise UserError if it fails.

    gates: names of further metrics to judge.
    """
    versions = parse_versions(terms, cases)
    paths = [name for name in cases.implementations if name.endswith(".py")]
    check_sources(versions, cases.implementations, install=terms.install)
    fill, data = prepare_size(cases), dataset.find(cases.data)  # before pip downloads anything
    versions = venv.resolve_versions(
        versions, terms.pip, terms.progress, install=terms.install, additions=terms.additions
    )
    before, after = _pin_packages(*versions), _pin_packages(*versions[::-1])
    chosen = _choose_implementations(before, after, cases)
    looks = terms.progress, terms.pip
    with (
        prepare_site(before, chosen, *looks, whole=bool(paths)) as baseline_site,
        prepare_site(after, chosen, *looks, whole=bool(paths)) as candidate_site,
    ):
        implementations = cases.implementations or tuple(entry.name for entry in chosen)
        sides = (before, baseline_site), (after, candidate_site)
        if paths or before.kind == "file":
            files: list[Path | None] = [Path(name) for name in paths] or [None]
            pairings, absent = pair_files(*sides, files, same_code_ok="same-code" in terms.allowed)
        else:
            names = implementations or tuple(find_changes(baseline_site, candidate_site))
            pairings, absent = _pair_cases(*sides, names)
        yield PreparedComparison(
            terms.make_plan(
                ComparisonPlan,
                before,
                after,
                pairings=tuple(
                    Pairing(
                        replace(fill(pairing.baseline), env=before.env),
                        replace(fill(pairing.candidate), env=after.env),
                    )
                    for pairing in pairings
                ),
                timeout=PROCESS_TIMEOUT,
                absent=tuple(absent),
                gates=(MEAN_EPOCH, *gates),
                cpu_time=cases.threads == 1 and cases.device == "cpu",
                reach=REACH,
                data_source=cases.data,
            ),
            {BASELINE: baseline_site.installation, CANDIDATE: candidate_site.installation},
            data,
        )


def parse_versions(terms: Terms, cases: CaseOptions) -> list[Version]:
    """Return both versions with their variables. Raises UserError if they cannot be compared."""

    def parse(name: str, env: Mapping[str, str]) -> Version:
        version = parse_version(name, lambda python: preflight.read_software(Installation(python)))
        return replace(version, env=dict(env))

    versions = [*map(parse, (terms.baseline, terms.candidate), cases.envs)]
    if reason := find_incompatibility(*versions):
        raise UserError(reason)
    return versions


def prepare_size(options: CaseOptions) -> Callable[[Case], Case]:
    """Return a function that gives a case the workload and size of the options.

    Raises UserError for a size that does not fit the data or memory.
    """
    data = dataset.find(options.data)
    size = Size(
        options.batch_size or WORKLOADS[options.workload].batch_size,
        resolve_threads(options.threads, len(list_usable_cores())),
        options.samples or len(read_labels(data.folder, "train")),
    )
    if size.fault:
        raise UserError(size.fault)
    check_memory(size.samples, data.features, read_usable_memory())
    return lambda case: complete_case(case, options.workload, options.device, size)


def _pin_packages(version: Version, other: Version) -> Version:
    """Return the installed releases of the other side's packages in place of the working tree.

    The running Python has more packages than an environment, and a library may import another one
    if it is there. So both sides get environments that differ only in the named releases.
    """
    if version.kind != "tree" or other.kind != "packages":
        return version
    releases = {}
    for name in sorted(other.packages):
        try:
            releases[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise UserError(
                f"{name} is not installed here. Name both sides, such as {name}==1.0 and "
                f"{name}==1.1"
            ) from None
    pins = tuple(filter(None, (venv.pin_version(*item) for item in releases.items())))
    name = " ".join(f"{name}=={release}" for name, release in releases.items())
    return Version(name, "packages", requirements=pins, env=version.env)


def _choose_implementations(
    baseline: Version, candidate: Version, options: CaseOptions
) -> list[Implementation]:
    """Return our implementations that were named or use the packages.

    Empty for files, and for revisions, whose changes are only known once they are unpacked.
    """
    kinds = {baseline.kind, candidate.kind}
    if any(name.endswith(".py") for name in options.implementations):
        return []
    if options.implementations:
        ours = {entry.name: entry for entry in IMPLEMENTATIONS}
        unknown = [name for name in options.implementations if name not in ours]
        if unknown and "revision" not in kinds:
            raise make_unknown_name_error("implementation", unknown[0], [*ours])
        return [entry for name, entry in ours.items() if name in options.implementations]
    if kinds == {"file"} or ("revision" in kinds and baseline.env == candidate.env):
        return []
    packages = baseline.packages | candidate.packages
    users = [entry for entry in IMPLEMENTATIONS if packages & set(list_distributions(entry))]
    if not users:
        raise UserError("nothing says what to measure. Name it with --implementation")
    return users


def _pair_cases(
    baseline: tuple[Version, Site], candidate: tuple[Version, Site], names: tuple[str, ...]
) -> tuple[list[Pairing], list[Absent]]:
    """Return the implementations that both versions have, and those that one of them lacks."""
    before, after = (
        {entry.name: entry for entry in site.registry} for _, site in (baseline, candidate)
    )
    pairings, absent = [], []
    for name in dict.fromkeys(names):
        if name in before and name in after:
            pairings.append(Pairing(make_case(before[name]), make_case(after[name])))
        elif name in before:
            absent.append(Absent(name, f"not in {candidate[0].name}", CANDIDATE))
        elif name in after:
            absent.append(Absent(name, f"not in {baseline[0].name}", BASELINE))
        else:
            raise make_unknown_name_error("implementation", name, [*after])
    return pairings, absent
