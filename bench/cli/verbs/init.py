"""``bench init``: measure what a gate detects in a project, and write its workflow."""

import math
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from bench.cli import options
from bench.cli.console import print_line, quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.commands.compare import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.commands.workflow import describe_job
from bench.regression.pairs.plan import Terms
from bench.regression.result import CaseComparison
from bench.regression.stats.decision import DEFAULT_TOLERANCE
from bench.regression.versions import git

TOO_NOISY = (
    "More time hardly helps: repeat it with a larger --tolerance, as in --tolerance 'NAME=10%' for "
    "one benchmark"
)


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
    shown = [*job.list_options(), "--base=HEAD", "--candidate=HEAD", "--allow=same-code"]
    shown += [f"--tolerance={share}" for share in job.list_tolerances()]
    shown += [f"--budget={budget:g}s", f"--{job.kind}={job.arguments}"]
    print_line(f"softmax-bench gate {shlex.join(shown)}")
    with pairs.reporting() as progress:
        terms = Terms(
            baseline="HEAD",
            candidate="HEAD",
            command=quote_command(),
            progress=progress,
            tolerance=tolerances.get("", DEFAULT_TOLERANCE),
            budget=budget,
            install=job.is_built,
            additions=tuple(job.packages if job.is_built else ()),
            allowed=["same-code"],
        )
        chosen = CommandOptions(
            command=job.arguments if job.kind == "command" else None,
            pytest=job.arguments if job.kind == "pytest" else None,
            metric=AUTO,
            harness=job.harness,
            tolerances={name: share for name, share in tolerances.items() if name},
        )
        comparison = compare_commands(terms, chosen)
    result, status = comparison.result, comparison.stopped
    verdicts = {case.verdict for case in result.cases}
    if verdicts == {"no change"}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(job.render(budget), encoding="utf-8")
        print_line(f"{job.path} is written. Replace OWNER and COMMIT with those of this suite.")
    elif not status:
        status = result.exit_status or 4
        remedy = "Correct that first"
        if "failed" not in verdicts:
            minutes = estimate_budget(result.cases, budget)
            remedy = f"Repeat it with --budget {minutes}m" if minutes <= 60 else TOO_NOISY
        print_line(
            f"{job.path} is not written: HEAD was not shown to equal itself, so a gate of "
            f"{budget:g} s would fail. {remedy}"
        )
    pairs.finish(replace(comparison, stopped=status))


def estimate_budget(cases: Sequence[CaseComparison], budget: float) -> int:
    """Return the minutes that all cases may need until they are decided: at least twice as many."""
    seconds = [2 * budget]
    for case in cases:
        more = [metric.more_pairs or 0 for metric in case.metrics]
        seconds.append((case.pairs + max(more, default=0)) * (case.pair_seconds or 0.0))
    return math.ceil(max(seconds) / 60)
