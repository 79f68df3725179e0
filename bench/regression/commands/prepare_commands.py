"""Prepare what ``bench gate`` measures."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from msgspec.structs import replace

from bench.errors import UserError
from bench.planning.plan import make_run_name, resolve_threads
from bench.records.schema import FORMAT
from bench.regression.commands.command_plan import (
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
from bench.regression.versions import venv
from bench.regression.versions.names import Version, are_equal, find_incompatibility
from bench.regression.versions.site import resolve_versions
from bench.worker.machine import list_usable_cores


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """What is run on both sides: a command, or pytest with these arguments.

    threads: the cores that a process may use; 0 for every core. Others: see ``CommandPlan``.
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
    with ExitStack() as stack:
        sides = {}
        if same_code_ok or not are_equal(*versions):
            for name, version in zip((BASELINE, CANDIDATE), versions, strict=True):
                sides[name] = stack.enter_context(prepare_side(version, progress, pip))
            if not same_code_ok and (fault := find_same_code([*sides.values()], arguments)):
                raise UserError(fault)
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
            metric=options.metric,
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


def read_arguments(options: CommandOptions) -> list[str]:
    """Return the command that is measured. Raises UserError for options that do not fit it."""
    if options.loops and (options.pytest or options.metric != TIME):
        raise UserError("--loops times each iteration. Leave out --metric and --pytest")
    if options.pytest and options.metric not in {TIME, CPU_TIME}:
        raise UserError(
            "--pytest judges the minimum of each benchmark. Leave out --metric, or give cpu-time "
            "for the mean of its CPU time"
        )
    has_key = options.metric.startswith(JSON) and options.metric != JSON
    if not has_key and options.metric not in {TIME, CPU_TIME, LAST_NUMBER}:
        raise UserError(
            f"--metric {options.metric}: choose time, cpu-time, last-number, or json:KEY, where "
            "dots lead into objects"
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
