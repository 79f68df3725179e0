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
from bench.regression.commands.instructions import INSTRUCTIONS
from bench.regression.commands.samplers import TIME, plan_metric
from bench.regression.commands.sides import CommandSide, parse_side, prepare_side
from bench.regression.pairs.plan import BASELINE, CANDIDATE, Terms
from bench.regression.result import Reporter
from bench.regression.versions import git
from bench.regression.versions.names import Version, are_equal
from bench.regression.versions.venv import resolve_versions
from bench.worker.machine import list_usable_cores, resolve_threads


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """What is run on both sides: commands, or pytest with these arguments."""

    commands: Sequence[str] = ()  # of several, each has its verdict
    pytest: str | None = None
    # AUTO is TIME until a process of each side has shown that it computes, and so is INSTRUCTIONS,
    # which are counted beside it. Others: see ``SAMPLERS``.
    metric: str = TIME
    prepare: str = ""
    threads: int = 1  # the cores that a process may use; 0 for every core
    harness: tuple[str, ...] = ()  # see ``share_harness``
    tolerances: dict[str, float] = field(default_factory=dict)  # see ``CommandPlan``


@contextmanager
def prepare_commands(
    terms: Terms, options: CommandOptions
) -> Iterator[tuple[CommandPlan, dict[str, CommandSide]]]:
    """Yield the plan of a comparison with its sides; raise UserError if it fails.

    There are no sides if both versions are equal, unless that is allowed: then there is nothing to
    measure.
    """
    commands = read_commands(options, is_installed=terms.install)
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
    with ExitStack() as stack:
        must_differ = not are_equal(*versions)
        if must_differ or "same-code" in terms.allowed:
            for name, version in zip((BASELINE, CANDIDATE), versions, strict=True):
                sides[name] = stack.enter_context(prepare_side(version, terms.progress, terms.pip))
            if options.harness:
                share_harness(sides, versions, options.harness)
            sides = {
                name: dataclasses.replace(side, snapshot=proof.take_snapshot(side.folder))
                for name, side in sides.items()
            }
            if must_differ:
                sides = watch_changes(sides, terms.progress)
            if sides:
                check_files(sides, commands)
        plan = terms.make_plan(
            CommandPlan,
            *versions,
            arguments=commands[0],
            more=tuple(commands[1:]),
            pytest=bool(options.pytest),
            prepare=options.prepare,
            threads=threads,
            timeout=terms.budget,
            tolerances=options.tolerances,
            **metric,
        )
        yield plan, sides


def share_harness(
    sides: Mapping[str, CommandSide], versions: Sequence[Version], names: Sequence[str]
) -> None:
    """Replace files or folders of the base's checkout by the candidate's. Raises UserError.

    names: their paths, relative to the folder of both sides.
    """
    if versions[0].kind != "revision" or versions[1].kind not in {"revision", "tree"}:
        raise UserError("--harness needs a revision as --base, and its candidate in the repository")
    for name in names:
        after, before = (sides[side].folder / name for side in (CANDIDATE, BASELINE))
        if Path(name).is_absolute() or ".." in Path(name).parts or not after.exists():
            raise UserError(f"--harness {name}: the candidate has no such file in this folder")
        if before.is_dir():
            shutil.rmtree(before)
        before.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if after.is_dir() else shutil.copy2
        copy(after, before)


def check_files(sides: Mapping[str, CommandSide], commands: Sequence[str]) -> None:
    """Raise UserError for a file or folder that a command names and only the candidate has."""
    files = [Path(name) for name in git.list_files(sides[CANDIDATE].folder, tracked=True)]
    tracked = {path for file in files for path in (file, *file.parents)}
    words = " ".join(word for command in commands for word in shlex.split(command)).split()
    for name in [word.partition("::")[0] for word in words]:
        if Path(name) in tracked and not (sides[BASELINE].folder / name).exists():
            raise UserError(
                f"the base has no {name}, which the candidate has. To run it on both revisions, "
                f"add --harness {name}"
            )


def watch_changes(sides: Mapping[str, CommandSide], progress: Reporter) -> dict[str, CommandSide]:
    """Return the sides with the files that differ, of which a process must run one; else none."""
    both = [*sides.values()]
    changed = proof.find_changed([side.folder for side in both], [side.variables for side in both])
    if not any(changed) and both[0].software == both[1].software:
        return {}
    if not proof.keep_access_times([*changed[0], *changed[1]]):
        progress("this file system keeps no access times: nothing shows that the change runs")
        return dict(sides)
    return {
        name: dataclasses.replace(side, changed=paths)
        for (name, side), paths in zip(sides.items(), changed, strict=True)
    }


def read_commands(options: CommandOptions, *, is_installed: bool) -> list[str]:
    """Return the commands that are measured. Raises UserError for options that do not fit them.

    is_installed: in its checkout Python would find the project without its compiled modules.
    """
    if bool(options.commands) == bool(options.pytest):
        raise UserError("give either --command or --pytest, which is what is measured")
    if options.prepare:
        split_arguments(options.prepare, "--prepare")
    if options.pytest:
        module = "-Pm" if is_installed else "-m"
        words = split_arguments(options.pytest, "--pytest")
        return [shlex.join(["python", module, "pytest", *words])]
    if len(options.commands) > 1 and options.metric == INSTRUCTIONS:
        raise UserError("--metric instructions counts one --command. Give each a gate of its own")
    commands = [shlex.join(split_arguments(text, "--command")) for text in options.commands]
    return [*dict.fromkeys(commands)]


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
