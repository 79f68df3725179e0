"""Prepare what ``bench gate`` measures."""

import dataclasses
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.errors import UserError
from bench.planning.plan import resolve_threads
from bench.regression.commands import opened
from bench.regression.commands.command_plan import (
    AUTO,
    CPU_TIME,
    ITERATION,
    JSON,
    LAST_NUMBER,
    TIME,
    CommandPlan,
    split_arguments,
)
from bench.regression.commands.sides import CommandSide, find_same_code, parse_side, prepare_side
from bench.regression.paired.comparison_plan import BASELINE, CANDIDATE, Terms
from bench.regression.versions import git
from bench.regression.versions.names import Version, are_equal
from bench.regression.versions.site import resolve_versions
from bench.worker.machine import list_usable_cores


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """What is run on both sides: a command, or pytest with these arguments.

    threads: the cores that a process may use; 0 for every core. metric: AUTO is TIME until a
    process of each side has shown that it computes; ITERATION is the time of each. Others: see
    ``CommandPlan``.
    """

    command: str | None = None
    pytest: str | None = None
    metric: str = TIME
    prepare: str = ""
    warmup: int = 1
    threads: int = 1
    timeout: float = 600.0


@contextmanager
def prepare_commands(
    terms: Terms, options: CommandOptions
) -> Iterator[tuple[CommandPlan, dict[str, CommandSide]]]:
    """Yield the plan of a comparison with its sides; raise UserError if it fails.

    There are no sides if both versions are equal, unless that is allowed: then there is nothing to
    measure.
    """
    same_code_ok = "same-code" in terms.allowed
    arguments = read_arguments(options)
    threads = resolve_threads(options.threads, len(list_usable_cores()))
    versions = choose_versions(terms)
    kinds = [version.kind for version in versions]
    if kinds[1] == "revision" and "tree" not in kinds and (changes := git.count_changes()):
        plural = "s are" if changes > 1 else " is"
        terms.progress(
            f"{changes} changed file{plural} not measured, but {terms.candidate}. Name . for them"
        )
    with ExitStack() as stack:
        sides: dict[str, CommandSide] = {}
        if same_code_ok or not are_equal(*versions):
            for name, version in zip((BASELINE, CANDIDATE), versions, strict=True):
                sides[name] = stack.enter_context(prepare_side(version, terms.progress, terms.pip))
            if not same_code_ok:
                if fault := find_same_code([*sides.values()], arguments):
                    raise UserError(fault)
                sides = watch_changes(sides, terms.progress)
        plan = terms.make_plan(
            CommandPlan,
            *versions,
            arguments=shlex.join(arguments),
            metric=TIME if options.metric in {AUTO, ITERATION} else options.metric,
            pytest=bool(options.pytest),
            prepare=options.prepare,
            loops=options.metric == ITERATION,
            warmup=options.warmup,
            threads=threads,
            timeout=options.timeout,
        )
        yield plan, sides


def watch_changes(
    sides: Mapping[str, CommandSide], progress: Callable[[str], None]
) -> dict[str, CommandSide]:
    """Return the sides with the files that differ, of which the first pair must open one."""
    both = [*sides.values()]
    changed = opened.find_changed([one.folder for one in both], [one.variables for one in both])
    if not opened.keep_access_times([*changed[0], *changed[1]]):
        progress("this file system keeps no access times: nothing shows that the change runs")
        return dict(sides)
    return {
        name: dataclasses.replace(side, changed=paths)
        for (name, side), paths in zip(sides.items(), changed, strict=True)
    }


def read_arguments(options: CommandOptions) -> list[str]:
    """Return the command that is measured. Raises UserError for options that do not fit it."""
    if options.pytest and options.metric not in {AUTO, TIME, CPU_TIME}:
        raise UserError(
            "--pytest judges the minimum of each benchmark with --metric time, and the mean of its "
            "CPU time with cpu-time. Give one of these, or auto"
        )
    has_key = options.metric.startswith(JSON) and options.metric != JSON
    if not has_key and options.metric not in {AUTO, TIME, CPU_TIME, ITERATION, LAST_NUMBER}:
        raise UserError(
            f"--metric {options.metric}: choose auto, time, cpu-time, iteration, last-number, or "
            "json:KEY, where dots lead into objects"
        )
    if options.prepare:
        split_arguments(options.prepare, "--prepare")
    if options.pytest:
        return ["python", "-m", "pytest", *split_arguments(options.pytest, "--pytest")]
    return split_arguments(str(options.command), "--command")


def choose_versions(terms: Terms) -> list[Version]:
    """Return the versions of the terms, with what each requires. Raises UserError."""
    versions = terms.parse(parse_side)
    kinds = {version.kind for version in versions}
    if kinds == {"tree", "packages"}:
        raise UserError("a command compares packages with packages. Name releases on both sides")
    if terms.install is not None and kinds != {"revision"}:
        raise UserError("--install builds two revisions of the current repository. Name both")
    return resolve_versions(versions, terms.install, terms.pip, terms.progress)
