"""Pair files of a user's own, and refuse two that would run the same code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.errors import UserError
from bench.planning.cases import find_implementation
from bench.records.schema import Case
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.comparison_plan import Absent, Pairing
from bench.regression.versions import git
from bench.regression.versions.names import Version
from bench.regression.versions.site import Site
from bench.runner.process import preflight
from bench.worker import machine

VersionSite = tuple[Version, Site]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of one side, as a worker of that side has loaded it."""

    path: Path
    case: Case
    modules: Mapping[str, str]


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
    assert top is not None
    if not file.resolve().is_relative_to(top):
        raise UserError(f"{file} is outside of the repository {top}, so no revision has it")
    return site.checkout / file.resolve().relative_to(top)


def load_file(path: Path, version: Version, site: Site) -> OwnFile:
    """Load a file in a worker of its side. Raises UserError for a file that cannot be used."""
    inspect = cache(lambda file: preflight.inspect(file, site.installation, version.env))
    return OwnFile(path, find_implementation(str(path), inspect), inspect(path).modules)


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
        for name in git.list_modules(side.path.parent.resolve())
    }
    for name, place in shared.items():
        if name in modules:
            return f"both sides import {name} from {place}, so they run the same code. {hint}"
    before, after = baseline.case, candidate.case
    same_files = (before.sha256, before.siblings) == (after.sha256, after.siblings)
    if same_files and shared == baseline.modules == candidate.modules:
        return f"both sides are the same file and import the same modules. {hint}"
    return None
