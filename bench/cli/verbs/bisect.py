"""``bench bisect``: find the first commit that makes a command or tests slower."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import print_line, quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.commands.compare import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.plan import Terms
from bench.regression.versions import git
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
    metric: Annotated[
        str,
        options.cases_option(metavar="METRIC", help="Judge this; softmax-bench gate has the list."),
    ] = AUTO,
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
    steps = git.list_commits(good, bad)
    if len(steps) < 2:
        raise UserError(f"there is no commit after {good} up to {bad}. Name a later one")
    terms = Terms(
        baseline=steps[0][0],
        candidate=steps[-1][0],
        command=quote_command(),
        progress=lambda _: None,
        tolerance=tolerance,
        budget=budget,
        install=install,
        additions=tuple(additions or ()),
        output=output,
    )
    chosen = CommandOptions(
        command, pytest, metric, prepare, threads, tuple(harness or ()), harness_of=steps[-1][0]
    )
    begin, lines, slow = now(), dict[int, str](), set[str]()

    def judge(step: int) -> bool | None:
        """Return whether a step is slower than the first one, None if it is not decided."""
        nonlocal chosen, slow
        # When a slowdown was seen, a step that runs the same code as the first one is not slower.
        try:
            with pairs.reporting() as progress:
                comparison = compare_commands(
                    replace(
                        terms,
                        progress=progress,
                        candidate=steps[step][0],
                        allowed=["same-code"] if slow else (),
                        output=output / str(len(lines) + 1) if output else None,
                    ),
                    chosen,
                )
        except UserError as error:
            if not slow:
                raise
            lines[step] = f"{steps[step][1]}: skipped: {error}"
            print_line(lines[step])
            return None
        if comparison.stopped:
            raise typer.Exit(comparison.stopped)
        if chosen.metric == AUTO:
            chosen = replace(chosen, metric=comparison.plan.metric)
        result = comparison.result
        slow = slow or {case.case for case in result.cases if case.verdict == "slower"}
        cases = [case for case in result.ordered_cases if case.case in slow] or result.ordered_cases
        basis = [f"{case.verdict}; {describe_basis(case)}" for case in cases[:1]]
        lines[step] = "; ".join([steps[step][1], *basis])
        print_line(lines[step])
        if not slow:
            print_line(f"it is not slower than {steps[0][1]}, so there is nothing to find")
            raise typer.Exit(3 if result.exit_status == 3 else 4)
        return {"slower": True, "faster": False, "no change": False}.get(cases[0].verdict)

    judge(len(steps) - 1)
    first, skipped = find_first(len(steps), judge)
    for step in skipped:
        print_line(f"perhaps earlier: {lines[step]}")
    taken = f"{len(lines)} comparisons, {format_wall_time(now() - begin)}"
    print_line(f"first slower: {lines[first]}; {taken}")
    raise typer.Exit(1)


def find_first(steps: int, judge: Callable[[int], bool | None]) -> tuple[int, list[int]]:
    """Return the first slower step, and those right before it that could not be decided.

    judge: returns whether a step is slower than step 0, or None. The last step is slower.
    """
    low, high, skipped = 0, steps - 1, set[int]()
    while open_steps := {*range(low + 1, high)} - skipped:
        step = min(open_steps, key=lambda step: abs(2 * step - low - high))
        slower = judge(step)
        if slower is None:
            skipped.add(step)
        low, high = step if slower is False else low, step if slower else high
    return high, [*range(low + 1, high)]
