"""Prepare what ``bench gate`` measures."""

import dataclasses
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import UserError
from bench.regression.commands import proof
from bench.regression.commands.command_plan import CommandPlan, split_arguments
from bench.regression.commands.samplers import TIME, plan_metric
from bench.regression.commands.sides import CommandSide, find_same_code, parse_side, prepare_side
from bench.regression.pairs.plan import BASELINE, CANDIDATE, Terms
from bench.regression.result import Reporter
from bench.regression.versions import git
from bench.regression.versions.names import Version, are_equal
from bench.regression.versions.venv import resolve_versions
from bench.worker.machine import list_usable_cores, resolve_threads


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """What is run on both sides: a command, or pytest with these arguments."""

    command: str | None = None
    pytest: str | None = None
    # AUTO is TIME until a process of each side has shown that it computes, and so is INSTRUCTIONS,
    # which are counted beside it. Others: see ``SAMPLERS``.
    metric: str = TIME
    prepare: str = ""
    threads: int = 1  # the cores that a process may use; 0 for every core
    harness: tuple[str, ...] = ()  # see ``share_harness``
    harness_of: str = ""  # the revision that has it, if not the candidate
    tolerances: dict[str, float] = field(default_factory=dict)  # see ``CommandPlan``


@contextmanager
def prepare_commands(
    terms: Terms, options: CommandOptions
) -> Iterator[tuple[CommandPlan, dict[str, CommandSide]]]:
    """Yield the plan of a comparison with its sides; raise UserError if it fails.

    There are no sides if both versions are equal, unless that is allowed: then there is nothing to
    measure.
    """
    same_code_ok = "same-code" in terms.allowed
    arguments = read_arguments(options, is_installed=terms.install)
    metric = plan_metric(options.metric, pytest=bool(options.pytest))
    threads = resolve_threads(options.threads, len(list_usable_cores()))
    versions = choose_versions(terms, pytest=bool(options.pytest))
    kinds = [version.kind for version in versions]
    if kinds[1] == "revision" and "tree" not in kinds and (changes := git.count_changes()):
        plural = "s are" if changes > 1 else " is"
        terms.progress(
            f"{changes} changed file{plural} not measured, but {terms.candidate}. Name . for them"
        )
    sides: dict[str, CommandSide] = {}
    notice = ""
    with ExitStack() as stack:
        if same_code_ok or not are_equal(*versions):
            for name, version in zip((BASELINE, CANDIDATE), versions, strict=True):
                sides[name] = stack.enter_context(prepare_side(version, terms.progress, terms.pip))
            if options.harness:
                share_harness(sides, versions, options)
            sides = {
                name: dataclasses.replace(side, snapshot=proof.take_snapshot(side.folder))
                for name, side in sides.items()
            }
            if not same_code_ok:
                if fault := find_same_code([*sides.values()], arguments):
                    raise UserError(fault)
                sides = watch_changes(sides, terms.progress, must_differ=bool(options.harness))
            notice = compare_benchmarks(sides, arguments, pytest=bool(options.pytest))
            if notice:
                terms.progress(notice)
        plan = terms.make_plan(
            CommandPlan,
            *versions,
            arguments=shlex.join(arguments),
            notice=notice,
            pytest=bool(options.pytest),
            prepare=options.prepare,
            threads=threads,
            timeout=terms.budget,
            tolerances=options.tolerances,
            **metric,
        )
        yield plan, sides


def share_harness(
    sides: Mapping[str, CommandSide], versions: Sequence[Version], options: CommandOptions
) -> None:
    """Replace files or folders of the base's checkout by the candidate's. Raises UserError.

    In a search of commits, those of both sides by the last commit's: a commit between may have
    none. The paths are relative to the folder of both sides.
    """
    if versions[0].kind != "revision" or versions[1].kind not in {"revision", "tree"}:
        raise UserError("--harness needs a revision as --base, and its candidate in the repository")
    if options.harness_of:
        for side in sides.values():
            git.replace_files(side.folder, options.harness_of, options.harness)
        return
    for name in options.harness:
        after, before = (sides[side].folder / name for side in (CANDIDATE, BASELINE))
        if Path(name).is_absolute() or ".." in Path(name).parts or not after.exists():
            raise UserError(f"--harness {name}: the candidate has no such file in this folder")
        if before.is_dir():
            shutil.rmtree(before)
        before.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if after.is_dir() else shutil.copy2
        copy(after, before)


def compare_benchmarks(
    sides: Mapping[str, CommandSide], arguments: Sequence[str], *, pytest: bool
) -> str:
    """Return a notice if what the command runs, its script or tests, differs between the sides.

    Raises UserError for a file that only the candidate has.
    """
    before, after = sides[BASELINE].folder, sides[CANDIDATE].folder
    names = [word.partition("::")[0] for word in " ".join(arguments).split()]
    if pytest:
        names = [name for name in names[3:] if (after / name).exists()]
    else:
        names = [name for name in names if (after / name).is_file()][:1]
    for name in names:
        if not (before / name).exists():
            raise UserError(
                f"the base has no {name}, which the candidate has. To run it on both revisions, "
                f"add --harness {name}"
            )
    changed = {file for path in sides[CANDIDATE].changed for file in (path, *path.parents)}
    edited = ", ".join(name for name in names if after / name in changed)
    remedy = "so a difference may be its own. --harness takes the candidate's on both sides"
    return f"{edited} differs between the two sides, {remedy}" if edited else ""


def watch_changes(
    sides: Mapping[str, CommandSide], progress: Reporter, *, must_differ: bool
) -> dict[str, CommandSide]:
    """Return the sides with the files that differ, of which a process must run one.

    must_differ: nothing but files and software can make the sides differ. Raises UserError.
    """
    both = [*sides.values()]
    changed = proof.find_changed([side.folder for side in both], [side.variables for side in both])
    if must_differ and not any(changed) and both[0].software == both[1].software:
        raise UserError("both sides have equal files. Name others, or add --allow same-code")
    if not proof.keep_access_times([*changed[0], *changed[1]]):
        progress("this file system keeps no access times: nothing shows that the change runs")
        return dict(sides)
    return {
        name: dataclasses.replace(side, changed=paths)
        for (name, side), paths in zip(sides.items(), changed, strict=True)
    }


def read_arguments(options: CommandOptions, *, is_installed: bool) -> list[str]:
    """Return the command that is measured. Raises UserError for options that do not fit it.

    is_installed: in its checkout Python would find the project without its compiled modules.
    """
    if bool(options.command) == bool(options.pytest):
        raise UserError("give either --command or --pytest, which is what is measured")
    if options.prepare:
        split_arguments(options.prepare, "--prepare")
    if options.pytest:
        module = "-Pm" if is_installed else "-m"
        return ["python", module, "pytest", *split_arguments(options.pytest, "--pytest")]
    return split_arguments(str(options.command), "--command")


def choose_versions(terms: Terms, *, pytest: bool) -> list[Version]:
    """Return the versions of the terms, with what each requires. Raises UserError.

    pytest: what --install builds gets pytest-benchmark, too.
    """
    versions = [parse_side(name) for name in (terms.baseline, terms.candidate)]
    if terms.install and {version.kind for version in versions} != {"revision"}:
        raise UserError("--install builds two revisions of the current repository. Name both")
    additions = [*terms.additions, *(["pytest-benchmark"] if pytest and terms.install else [])]
    return resolve_versions(
        versions, terms.pip, terms.progress, install=terms.install, additions=additions
    )
