"""Prepare what ``bench gate`` measures."""

import dataclasses
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from msgspec.structs import replace

from bench.errors import UserError
from bench.planning.plan import make_run_name, resolve_threads
from bench.records.schema import FORMAT
from bench.regression.commands import opened
from bench.regression.commands.command_plan import (
    AUTO,
    CPU_TIME,
    JSON,
    LAST_NUMBER,
    TIME,
    CommandPlan,
    split_arguments,
)
from bench.regression.commands.sides import (
    CommandSide,
    find_same_code,
    parse_side,
    prepare_side,
)
from bench.regression.paired.comparison_plan import BASELINE, CANDIDATE
from bench.regression.stats.false_alarms import ALPHA
from bench.regression.versions import git, venv
from bench.regression.versions.names import Version, are_equal, find_incompatibility
from bench.regression.versions.site import resolve_versions
from bench.worker.machine import list_usable_cores


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """What is run on both sides: a command, or pytest with these arguments.

    threads: the cores that a process may use; 0 for every core. metric: AUTO is TIME until a
    process of each side has shown that it computes. Others: see ``CommandPlan``.
    """

    command: str | None = None
    pytest: str | None = None
    metric: str = TIME
    prepare: str = ""
    loops: bool = False
    warmup: int = 1
    threads: int = 1
    timeout: float = 600.0


@contextmanager
def prepare_commands(
    baseline: str | None,
    candidate: str,
    options: CommandOptions,
    *,
    command: str,
    progress: Callable[[str], None],
    tolerance: float,
    budget: float,
    envs: tuple[Mapping[str, str], Mapping[str, str]],
    install: tuple[str, ...] | None,
    same_code_ok: bool,
    pip: venv.PipOptions,
) -> Iterator[tuple[CommandPlan, dict[str, CommandSide]]]:
    """Yield the plan of a comparison with its sides; raise UserError if it fails.

    There are no sides if both versions are equal, unless ``same_code_ok``: then there is nothing to
    measure. The parameters are those of ``prepare_comparison``.
    """
    if baseline is None and envs[0] == envs[1]:
        raise UserError("nothing differs: add --base VERSION, --base-env or --candidate-env")
    arguments = read_arguments(options)
    threads = resolve_threads(options.threads, len(list_usable_cores()))
    versions = choose_versions((baseline or candidate, candidate), install, pip, progress)
    versions = [replace(one, env=dict(env)) for one, env in zip(versions, envs, strict=True)]
    kinds = [version.kind for version in versions]
    if kinds[1] == "revision" and "tree" not in kinds and (changes := git.count_changes()):
        plural = "s are" if changes > 1 else " is"
        progress(f"{changes} changed file{plural} not measured, but {candidate}. Name . for them")
    with ExitStack() as stack:
        sides: dict[str, CommandSide] = {}
        if same_code_ok or not are_equal(*versions):
            for name, version in zip((BASELINE, CANDIDATE), versions, strict=True):
                sides[name] = stack.enter_context(prepare_side(version, progress, pip))
            if not same_code_ok:
                if fault := find_same_code([*sides.values()], arguments):
                    raise UserError(fault)
                sides = watch_changes(sides, progress)
        run, created = make_run_name("ab-")
        plan = CommandPlan(
            format=FORMAT,
            run=run,
            command=command,
            created=created,
            seed=None,
            baseline=versions[0],
            candidate=versions[1],
            arguments=shlex.join(arguments),
            metric=TIME if options.metric == AUTO else options.metric,
            pytest=bool(options.pytest),
            prepare=options.prepare,
            loops=options.loops,
            warmup=options.warmup,
            threads=threads,
            tolerance=tolerance,
            alpha=ALPHA,
            budget=budget,
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
    if options.loops and (options.pytest or options.metric not in {AUTO, TIME}):
        raise UserError("--loops times each iteration. Leave out --metric and --pytest")
    if options.pytest and options.metric not in {AUTO, TIME, CPU_TIME}:
        raise UserError(
            "--pytest judges the minimum of each benchmark with --metric time, and the mean of its "
            "CPU time with cpu-time. Give one of these, or auto"
        )
    has_key = options.metric.startswith(JSON) and options.metric != JSON
    if not has_key and options.metric not in {AUTO, TIME, CPU_TIME, LAST_NUMBER}:
        raise UserError(
            f"--metric {options.metric}: choose auto, time, cpu-time, last-number, or json:KEY, "
            "where dots lead into objects"
        )
    if options.prepare:
        split_arguments(options.prepare, "--prepare")
    if options.pytest:
        return ["python", "-m", "pytest", *split_arguments(options.pytest, "--pytest")]
    return split_arguments(str(options.command), "--command")


def choose_versions(
    names: tuple[str, str],
    install: tuple[str, ...] | None,
    pip: venv.PipOptions,
    progress: Callable[[str], None],
) -> list[Version]:
    """Return the versions with these names, with what each requires. Raises UserError."""
    versions = [parse_side(name) for name in names]
    if reason := find_incompatibility(*versions):
        raise UserError(reason)
    kinds = {version.kind for version in versions}
    if kinds == {"tree", "packages"}:
        raise UserError("a command compares packages with packages. Name releases on both sides")
    if install is not None and kinds != {"revision"}:
        raise UserError("--install builds two revisions of the current repository. Name both")
    return resolve_versions(versions, install, pip, progress)
