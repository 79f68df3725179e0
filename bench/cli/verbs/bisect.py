"""``bench bisect``: find the first commit that makes a command or tests slower."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import print_line, quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.commands.search import Step, search_commits
from bench.regression.pairs.plan import Terms
from bench.report.base.numbers import format_wall_time
from bench.report.regression.verdicts import describe_basis
from bench.worker.measure import now


def bisect(
    good: Annotated[
        str | None,
        options.versions_option(metavar="REV", help="Search the commits after this revision."),
    ] = None,
    bad: Annotated[
        str | None,
        options.versions_option(metavar="REV", help="Search up to this one, which is slower."),
    ] = None,
    install: options.Install = False,
    additions: options.Additions = None,
    command: options.Command = None,
    pytest: options.Pytest = None,
    metric: options.Metric = AUTO,
    prepare: options.Prepare = "",
    harness: options.Harness = None,
    threads: options.ThreadCount = 1,
    budget: options.PairBudget = 180,
    tolerance: options.Tolerance = 0.02,
    output: options.Output = None,
) -> None:
    """Find the first commit that makes a command or tests slower, by binary search."""
    if not (good and bad):
        raise UserError("give --good and --bad, the revisions between which commits are searched")
    terms = Terms(
        baseline=good,
        candidate=bad,
        command=quote_command(),
        progress=lambda _: None,
        tolerance=tolerance,
        budget=budget,
        install=install,
        additions=tuple(additions or ()),
        output=output,
    )
    chosen = CommandOptions(
        (command,) if command else (), pytest, metric, prepare, threads, tuple(harness or ())
    )
    begin, steps = now(), list[Step]()

    def report(step: Step) -> None:
        steps.append(step)
        print_line(describe_step(step))

    first, skipped = search_commits(terms, chosen, report, pairs.reporting)
    if first is None:
        print_line(f"it is not slower than {good}, so there is nothing to find")
        has_failed = any(step.case and step.case.verdict == "failed" for step in steps)
        raise typer.Exit(3 if has_failed else 4)
    for step in skipped:
        print_line(f"perhaps earlier: {describe_step(step)}")
    taken = f"{len(steps)} comparisons, {format_wall_time(now() - begin)}"
    print_line(f"first slower: {describe_step(first)}; {taken}")
    raise typer.Exit(1)


def describe_step(step: Step) -> str:
    """Return the line of a commit that was compared or skipped."""
    if step.case is None and not step.reason:
        return f"{step.name}: the command runs nothing that differs"
    if step.case is None:
        return f"{step.name}: skipped: {step.reason}"
    return f"{step.name}; {step.case.verdict}; {describe_basis(step.case)}"
