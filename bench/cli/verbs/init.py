"""``bench init``: measure what a gate detects in a project, and write its workflow."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from bench.cli import options
from bench.cli.console import print_line, quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.commands.workflow import (
    LABEL,
    LEAST_BUDGET,
    MARGIN,
    describe_job,
    find_action,
    measure_job,
    write_workflow,
)
from bench.regression.versions import git


def init(
    command: Annotated[
        str | None,
        options.cases_option(
            metavar="COMMAND",
            help="Guard this command; without it, tests of pytest-benchmark or CodSpeed.",
        ),
    ] = None,
    additions: options.Additions = None,
    budget: options.PairBudget = 180,
    tolerance: options.BenchmarkTolerances = None,
) -> None:
    """Measure what a gate detects in your repository, and write its workflow."""
    git.find_commit("HEAD")  # raises UserError outside of a repository
    top = Path(str(git.find_repository()))
    job = describe_job(top, Path.cwd().resolve().relative_to(top), command)
    tolerances = options.join_tolerances(tolerance)
    job = replace(job, packages=[*job.packages, *(additions or ())], tolerances=tolerances)
    path = top / job.path
    if path.exists():
        raise UserError(f"{job.path} exists. Remove it, and init writes another")
    os.chdir(top / job.folder)
    print_line(job.quote_gate(budget))
    with pairs.reporting() as progress:
        comparison = measure_job(job, budget, quote_command(), progress)
    status = comparison.stopped
    if not status:
        remedy = write_workflow(top, job, budget, comparison.result)
        status = (comparison.result.exit_status or 4) if remedy else 0
        print_line(
            f"{job.path} is not written: {budget:g} s did not show that HEAD equals itself. "
            f"{remedy}"
            if remedy
            else f"{job.path} is written; its budget is {MARGIN} times what the pairs took, or "
            f"{LEAST_BUDGET} s. "
            f"{'' if find_action() else 'Replace OWNER and COMMIT with those of this suite. '}"
            f"Make the label {LABEL}: with it a slowdown passes."
        )
    pairs.finish(replace(comparison, stopped=status))
