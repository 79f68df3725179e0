"""``bench gate``: measure two versions of anybody's command or tests in pairs."""

from typing import Annotated

from bench.cli import options
from bench.cli.console import quote_command
from bench.cli.verbs import pairs
from bench.records.schema import parse_variables
from bench.regression.commands.compare import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO, list_metrics
from bench.regression.pairs.plan import Terms


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
            help="Judge one of these: "
            + ", ".join(f"{words} ({name})" for name, words in list_metrics().items())
            + ". Less is better. Default: cpu-time for what computes rather than waits, else time.",
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
    chosen = CommandOptions(
        command,
        pytest,
        metric=metric,
        prepare=prepare or "",
        threads=threads,
        harness=tuple(harness or ()),
    )
    with pairs.reporting() as progress:
        terms = Terms(
            baseline=baseline,
            candidate=candidate,
            command=quote_command(),
            progress=progress,
            tolerance=tolerance,
            budget=budget,
            envs=(parse_variables(base_env or ()), parse_variables(candidate_env or ())),
            install=install,
            additions=tuple(additions or ()),
            allowed=options.join_names(allow),
            fail_on=fail_on,
            output=output,
        )
        comparison = compare_commands(terms, chosen, profile=profile)
    pairs.finish(comparison, style)
