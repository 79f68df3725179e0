"""What the verbs that measure pairs share: the progress of a comparison and its end."""

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import typer

from bench.cli.console import print_comparison, stderr
from bench.cli.live import Transient, measuring
from bench.records import layout
from bench.regression.pairs.loop import Notice
from bench.regression.pairs.plan import Terms
from bench.regression.result import CaseComparison, ComparisonResult
from bench.report.regression.verdicts import build_output, describe_case
from bench.runner.host.signals import Ending


def report_progress(line: str) -> None:
    """Print a line on stderr: a program may read stdout, where the result alone goes."""
    print(line, file=sys.stderr)


def measure(events: Generator[str | CaseComparison]) -> int:
    """Print what is measured; return the exit status of a signal, or 0."""
    with Ending() as ending, measuring(stderr) as screen, closing(events):
        for event in events:
            if isinstance(event, CaseComparison):
                screen.show(describe_case(event))
            else:
                screen.show(event if isinstance(event, Notice) else Transient(event))
    return ending.status


def finish(
    result: ComparisonResult, terms: Terms, stopped: int, style: str = "table", *, folder: Path
) -> NoReturn:
    """Print a result, and where its records are; exit. stopped: the status of a signal, or 0."""
    print_comparison(build_output(result), style)
    if (folder / layout.TRIALS).exists():
        sys.stdout.flush()  # the folder comes last where both streams are one
        terms.progress(f"records: {folder}")
    raise typer.Exit(stopped or result.exit_status)
