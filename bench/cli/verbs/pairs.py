"""What the verbs that measure pairs share: the progress of a comparison and its end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from bench.cli.console import print_comparison, print_line, stderr
from bench.cli.live import Screen
from bench.records import layout
from bench.regression.pairs.plan import AnyPlan, FinishedComparison
from bench.regression.result import CaseComparison, Reporter
from bench.report.regression.verdicts import build_output, describe_case


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Print progress on stderr: a program may read stdout, where the result alone goes."""
    with Screen(stderr) as screen:

        def report(event: str | CaseComparison) -> None:
            screen.show(describe_case(event) if isinstance(event, CaseComparison) else event)

        yield report


def finish(
    comparison: FinishedComparison[AnyPlan], style: str = "table", *, verbose: bool = False
) -> NoReturn:
    """Print a result, and where its records are; exit."""
    print_comparison(build_output(comparison.result), style, rule=verbose)
    if (comparison.folder / layout.TRIALS).exists():
        sys.stdout.flush()  # the folder comes last where both streams are one
        print_line(f"records: {comparison.folder}", stderr)
    raise typer.Exit(comparison.stopped or comparison.result.exit_status)
