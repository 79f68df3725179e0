"""``bench compare``: compare two stored runs."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_comparison, print_line, stderr
from bench.cli.options import FailOn, OutputFormat, Tolerance, verdict_option
from bench.regression.stats.decision import Rule
from bench.regression.stored.judge_runs import compare_folders
from bench.report.regression.verdicts import build_output


def compare(
    baseline: Annotated[
        Path, typer.Argument(metavar="BASELINE", help="Folder of the run to compare with.")
    ],
    candidate: Annotated[
        Path, typer.Argument(metavar="CANDIDATE", help="Folder of the run that may be slower.")
    ],
    tolerance: Tolerance = 0.02,
    across_machines: Annotated[
        bool,
        verdict_option("--across-machines", help="Compare runs of different machines too."),
    ] = False,
    fail_on: FailOn = "slower",
    style: OutputFormat = "table",
) -> None:
    """Compare two stored runs; use softmax-bench ab to find slowdowns smaller than 20 %."""
    result, faults = compare_folders(
        baseline, candidate, Rule(tolerance), across_machines=across_machines
    )
    for fault in faults:
        print_line(fault, stderr)
    result = replace(result, fail_on=(fail_on,))
    print_comparison(build_output(result), style)
    raise typer.Exit(result.exit_status)
