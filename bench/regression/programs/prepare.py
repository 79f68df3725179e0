"""Prepare what ``bench ab`` measures: cases, versions and their sites."""

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from bench.contract import Device
from bench.data import dataset
from bench.errors import UserError, make_unknown_name_error
from bench.planning.cases import (
    Size,
    check_memory,
    complete_case,
    find_implementation,
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
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version, find_incompatibility, parse_version
from bench.regression.versions.site import Site, find_changes, prepare_site
from bench.runner.host.machine import read_usable_memory
from bench.runner.process import preflight
from bench.runner.process.spec import Installation
from bench.worker import machine
from bench.worker.data import read_labels
from bench.worker.workloads import WORKLOADS
from implementations import IMPLEMENTATIONS, Implementation

VersionSite = tuple[Version, Site]


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
class OwnFile:
    """A file of one side, as a worker of that side has loaded it."""

    case: Case
    modules: Mapping[str, str]


@contextmanager
def prepare_comparison(
    terms: Terms, cases: CaseOptions, gates: tuple[str, ...] = ()
) -> Iterator[tuple[ComparisonPlan, dict[str, Installation]]]:
    """Yield the plan of a comparison with each side's installation; raise UserError if it fails.

    gates: names of further metrics to judge.
    """
    versions = parse_versions(terms, cases)
    paths = [name for name in cases.implementations if name.endswith(".py")]
    check_sources(versions, cases.implementations, install=terms.install)
    fill = prepare_size(cases)  # before pip downloads anything
    versions = venv.resolve_versions(
        versions, terms.pip, terms.progress, install=terms.install, additions=terms.additions
    )
    before, after = _pin_packages(*versions), _pin_packages(*versions[::-1])
    are_files = bool(paths) or before.kind == "file"
    chosen = [] if are_files else _choose_implementations(before, after, cases)
    looks = terms.progress, terms.pip
    with (
        prepare_site(before, chosen, *looks, whole=bool(paths)) as baseline_site,
        prepare_site(after, chosen, *looks, whole=bool(paths)) as candidate_site,
    ):
        implementations = cases.implementations or tuple(entry.name for entry in chosen)
        sides = (before, baseline_site), (after, candidate_site)
        if are_files:
            files: list[Path | None] = [Path(name) for name in paths] or [None]
            pairings, absent = pair_files(*sides, files, same_code_ok="same-code" in terms.allowed)
        else:
            names = implementations or tuple(find_changes(baseline_site, candidate_site))
            pairings, absent = _pair_cases(*sides, names)
        plan = terms.make_plan(
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
        )
        yield plan, {BASELINE: baseline_site.installation, CANDIDATE: candidate_site.installation}


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
        machine.resolve_threads(options.threads, len(machine.list_usable_cores())),
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

    Empty for revisions, whose changes are only known once they are unpacked.
    """
    is_revision = "revision" in {baseline.kind, candidate.kind}
    if options.implementations:
        ours = {entry.name: entry for entry in IMPLEMENTATIONS}
        unknown = [name for name in options.implementations if name not in ours]
        if unknown and not is_revision:
            raise make_unknown_name_error("implementation", unknown[0], [*ours])
        return [entry for name, entry in ours.items() if name in options.implementations]
    if is_revision and baseline.env == candidate.env:
        return []
    packages = baseline.packages | candidate.packages
    users = [entry for entry in IMPLEMENTATIONS if packages & set(list_distributions(entry))]
    if not users:
        raise UserError("nothing says what to measure. Name it with --implementation")
    return users


def _pair_cases(
    baseline: VersionSite, candidate: VersionSite, names: tuple[str, ...]
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


def check_sources(
    versions: Sequence[Version], implementations: Sequence[str], *, install: bool
) -> None:
    """Raise UserError where versions and implementations do not fit each other.

    implementations: names of the suite's, or files.
    """
    kinds = {version.kind for version in versions}
    files = [name for name in implementations if name.endswith(".py")]
    if implementations and "file" in kinds:
        raise UserError("two files say what is measured. Leave out --implementation")
    if files and len(files) < len(implementations):
        raise UserError("name files or implementations of this suite, not both")
    if install and (not files or kinds != {"revision"}):
        raise UserError(
            "--install builds two revisions of the project that a file or a command uses. Name "
            "both revisions, and the file with --implementation FILE.py"
        )
    if not files and kinds == {"revision", "tree"} and git.find_repository() != machine.ROOT:
        raise UserError(
            "the current folder is in the repository of another project, and . stands for this "
            "suite's own implementations. Name a file with --implementation FILE.py, or measure a "
            "command with softmax-bench gate"
        )
    if not files and "folder" in kinds:
        raise UserError("a folder of modules is a version of a file: add --implementation FILE.py")


def pair_files(
    baseline: VersionSite,
    candidate: VersionSite,
    files: Sequence[Path | None],
    *,
    same_code_ok: bool,
) -> tuple[list[Pairing], list[Absent]]:
    """Return the pairings of files, and those that one side lacks.

    files: as they are in the repository of the current folder; None for the two files that the
    versions name. Raises UserError for a file that cannot be used, and if both sides would run the
    same code with the same variables, unless ``same_code_ok``.
    """
    pairings, absent = [], []
    sides = {BASELINE: baseline, CANDIDATE: candidate}
    for file in files:
        paths = {
            side: locate(site, file or Path(str(version.path)))
            for side, (version, site) in sides.items()
        }
        missing = [
            Absent(str(file), f"not in {version.name}", side)
            for side, (version, site) in sides.items()
            if site.checkout and not paths[side].is_file()
        ]
        if len(missing) == 2:
            raise UserError(f"neither revision has the file {file}. Commit it, or name another")
        if missing:
            absent += missing
            continue
        loaded = [load_file(paths[side], *sides[side]) for side in sides]
        differ = baseline[0].env != candidate[0].env
        if not (differ or same_code_ok) and (fault := find_equal_files(*loaded)):
            raise UserError(fault)
        pairings.append(Pairing(*(side.case for side in loaded)))
    return pairings, absent


def locate(site: Site, file: Path) -> Path:
    """Return where a side has a file of the current repository. Raises UserError."""
    if site.checkout is None:
        return file
    top = git.find_repository()
    if not file.resolve().is_relative_to(top):
        raise UserError(f"{file} is outside of the repository {top}, so no revision has it")
    return site.checkout / file.resolve().relative_to(top)


def load_file(path: Path, version: Version, site: Site) -> OwnFile:
    """Load a file in a worker of its side. Raises UserError for a file that cannot be used."""
    inspect = cache(lambda file: preflight.inspect(file, site.installation, version.env))
    return OwnFile(find_implementation(str(path), inspect), inspect(path).modules)


def find_equal_files(baseline: OwnFile, candidate: OwnFile) -> str | None:
    """Return why two files run the same code, and what to do; None if nothing shows that they do.

    They do if both import a module of their own project from the same place, such as an installed
    package: the change that one of them is to show would be in neither, or in both. A module is of
    their project if the repository of one of the files has a module of that name. And they do if
    both are equal with all that they import.
    """
    hint = (
        "Install each side (--install), name the folder of each side's modules (--base DIR), or "
        "allow it with --allow same-code"
    )
    shared = {
        name: place
        for name, place in baseline.modules.items()
        if candidate.modules.get(name) == place
    }
    modules = {
        name
        for side in (baseline, candidate)
        for name in git.list_modules(Path(str(side.case.file)).parent.resolve())
    }
    for name, place in shared.items():
        if name in modules:
            return f"both sides import {name} from {place}, so they run the same code. {hint}"
    before, after = baseline.case, candidate.case
    same_files = (before.sha256, before.siblings) == (after.sha256, after.siblings)
    if same_files and shared == baseline.modules == candidate.modules:
        return f"both sides are the same file and import the same modules. {hint}"
    return None
