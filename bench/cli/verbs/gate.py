"""``softmax-bench gate``: measure two versions of anybody's command or tests in pairs."""

from bench.cli import options
from bench.cli.console import quote_command
from bench.cli.verbs import pairs
from bench.regression.commands.measure_commands import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.plan import Terms


def gate(
    baseline: options.BaseVersion,
    candidate: options.CandidateVersion = ".",
    install: options.Install = False,
    additions: options.Additions = None,
    command: options.Commands = None,
    pytest: options.Pytest = None,
    metric: options.Metric = AUTO,
    prepare: options.Prepare = "",
    harness: options.Harness = None,
    threads: options.ThreadCount = 1,
    budget: options.PairBudget = 180,
    tolerance: options.BenchmarkTolerances = None,
    fail_on: options.FailOn = "slower",
    verbose: options.Verbose = False,
    allow: options.Allow = None,
    style: options.OutputFormat = "table",
    output: options.Output = None,
) -> None:
    """Compare two versions of a command or of tests; exit with 1 if the candidate is slower."""
    tolerances = options.join_tolerances(tolerance)
    chosen = CommandOptions(
        tuple(command or ()),
        pytest,
        metric=metric,
        prepare=prepare,
        threads=threads,
        harness=tuple(harness or ()),
        tolerances=tolerances,
    )
    with pairs.reporting() as progress:
        terms = Terms(
            baseline=baseline,
            candidate=candidate,
            command=quote_command(),
            progress=progress,
            tolerance=tolerances.pop("", 0.02),
            budget=budget,
            install=install,
            additions=tuple(additions or ()),
            allowed=options.join_names(allow),
            fail_on=fail_on,
            output=output,
        )
        comparison = compare_commands(terms, chosen)
    pairs.finish(comparison, style, verbose=verbose)
