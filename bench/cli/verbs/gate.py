"""``bench gate``: measure two versions of anybody's command or tests in pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from bench.cli import options
from bench.cli.console import stderr
from bench.cli.live import hold_host_lock
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.records import store
from bench.records.layout import COMMAND_PLAN
from bench.regression.commands import measure_commands
from bench.regression.commands.command_plan import AUTO, CommandPlan
from bench.regression.commands.instructions import INSTRUCTIONS
from bench.regression.commands.judge_commands import load_result
from bench.regression.commands.prepare_commands import CommandOptions, prepare_commands
from bench.regression.commands.profile import profile_sides
from bench.regression.paired.comparison_plan import Terms
from bench.regression.result import ComparisonResult
from bench.runner.host.signals import Ending


def gate(
    baseline: options.BaseVersion = None,
    candidate: options.CandidateVersion = ".",
    install: options.Install = False,
    additions: options.Additions = None,
    base_env: options.BaseEnv = None,
    candidate_env: options.CandidateEnv = None,
    command: Annotated[
        str | None,
        options.cases_option(
            metavar="COMMAND",
            help="Measure this command, in the folder and the environment of each version; no "
            "shell reads it.",
        ),
    ] = None,
    pytest: Annotated[
        str | None,
        options.cases_option(
            metavar="ARGUMENTS",
            help="Measure tests of pytest-benchmark, which pytest finds with these arguments, such "
            "as tests/bench_x.py; judge the minimum of each with --metric time, or the mean of its "
            "CPU time with cpu-time.",
        ),
    ] = None,
    metric: Annotated[
        str,
        options.cases_option(
            metavar="METRIC",
            help="Judge one of these: the time of the command (time), its CPU time while both "
            "versions run at once on the same cores (cpu-time), its instructions, which perf or "
            "Valgrind counts, beside one of these two (instructions), the time of an iteration, "
            "before which it reads a line and after which it prints one (iteration), the last "
            "number that it prints (last-number), or a number in its JSON (json:KEY). Less is "
            "better. Default: cpu-time for what computes rather than waits, else time.",
            show_default=False,
        ),
    ] = AUTO,
    prepare: Annotated[
        str | None,
        options.measuring_option(metavar="COMMAND", help="Run this before each process, untimed."),
    ] = None,
    harness: Annotated[
        list[str] | None,
        options.versions_option(
            metavar="PATH",
            help="Take this file or folder of the candidate on both sides, such as its benchmarks. "
            "Repeat the option for several.",
        ),
    ] = None,
    threads: options.ThreadCount = 1,
    profile: Annotated[
        bool,
        options.flag(
            options.measuring_option,
            "--profile",
            "Run each version once more under a profiler, and show which functions differ most.",
        ),
    ] = False,
    budget: options.PairBudget = 180,
    tolerance: options.Tolerance = 0.02,
    fail_on: options.FailOn = "slower",
    allow: options.Allow = None,
    style: options.OutputFormat = "table",
    output: options.Output = None,
) -> None:
    """Compare two versions of a command or of tests; exit with 1 if the candidate is slower."""
    if bool(command) == bool(pytest):
        raise UserError("give either --command or --pytest, which is what is measured")
    chosen = CommandOptions(
        command,
        pytest,
        metric=metric,
        prepare=prepare or "",
        threads=threads,
        harness=tuple(harness or ()),
    )
    terms = pairs.make_terms(
        (baseline, candidate),
        tolerance=tolerance,
        budget=budget,
        envs=(base_env, candidate_env),
        install=install,
        additions=additions,
        allow=allow,
        output=output,
    )
    result, plan, stopped = compare(terms, chosen, output, profile=profile)
    folder = pairs.choose_folder(plan, output)
    pairs.finish(result, terms, stopped, style, fail_on, folder=folder)


def compare(
    terms: Terms, chosen: CommandOptions, output: Path | None, *, profile: bool = False
) -> tuple[ComparisonResult, CommandPlan, int]:
    """Measure two versions; return the result, the plan and the exit status of a signal, or 0."""
    functions = []
    with prepare_commands(terms, chosen) as (planned, prepared):
        plan = planned
        if prepared and chosen.metric in {AUTO, INSTRUCTIONS}:
            with hold_host_lock(stderr):
                line = "first a process of each side, which shows whether it computes or waits"
                stderr.print(f"{plan.arguments}: {line}", soft_wrap=True, markup=False)
                plan = measure_commands.choose_metric(plan, prepared)
        folder, stopped = pairs.choose_folder(plan, output), 0
        if prepared:
            store.create_run(folder, plan, COMMAND_PLAN)
            stopped = pairs.measure(measure_commands.measure(folder, plan, prepared))
        if prepared and profile and not stopped:
            with hold_host_lock(stderr), Ending() as ending:
                functions.extend(profile_sides(plan, prepared, terms.progress))
            stopped = ending.status
    result = load_result(folder, plan, measured=bool(prepared))
    return replace(result, functions=functions), plan, stopped
