"""``bench compare``: compare two stored runs."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_comparison, print_line, stderr
from bench.cli.options import FailOn, OutputFormat, Tolerance, flag, verdict_option
from bench.records.environments import is_file_name
from bench.regression.stats.decision import Rule
from bench.regression.stored.calibrations import load_calibrations, locate_calibrations
from bench.regression.stored.judge_runs import compare_runs
from bench.regression.stored.sides import load_side
from bench.report.regression.verdicts import build_output

# Two runs of one machine hours apart, with nothing changed, differed by up to 16 % in medians of
# five processes (docs/how-sure.md). Single processes differ by more.
BETWEEN_RUNS = 0.2


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
        flag(verdict_option, "--across-machines", "Compare runs of different machines too."),
    ] = False,
    fail_on: FailOn = "slower",
    style: OutputFormat = "table",
) -> None:
    """Compare two stored runs; use bench ab to find slowdowns smaller than 20 %."""
    sides = load_side(baseline), load_side(candidate)
    find_spread = None
    # The id is a record's: it must not lead out of the folder of calibrations.
    if (machine := sides[0].machine) and is_file_name(machine):
        calibrations = load_calibrations(locate_calibrations(machine), machine)
        find_spread = calibrations.spread
        for fault in calibrations.faults:
            print_line(fault, stderr)
    result = compare_runs(
        *sides,
        find_spread,
        rule=Rule(tolerance),
        between_runs=BETWEEN_RUNS,
        across_machines=across_machines,
    )
    result = replace(result, fail_on=(fail_on,))
    print_comparison(build_output(result), style)
    raise typer.Exit(result.exit_status)
