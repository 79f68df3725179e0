"""What the verbs that measure pairs share: the terms of a comparison, its progress and its end."""

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from bench.cli import options
from bench.cli.console import quote_command, stderr
from bench.cli.live import Transient, measuring
from bench.cli.verdicts import print_comparison
from bench.contract import Device
from bench.data import cache
from bench.records import layout
from bench.records.store import RESULTS, check_writable
from bench.regression.paired.comparison_plan import PairedPlan, Terms
from bench.regression.paired.loop import Notice
from bench.regression.result import CaseComparison, CaseVerdict, ComparisonResult
from bench.regression.versions.venv import read_options
from bench.report.regression.verdicts import build_output, describe_case
from bench.runner.host.signals import Ending
from bench.runner.process.spec import parse_env
from bench.worker import machine


def make_terms(
    versions: tuple[str | None, str],
    *,
    tolerance: float,
    budget: float,
    install: bool,
    output: Path | None,
    additions: Sequence[str] | None = None,
    envs: Sequence[Sequence[str] | None] = (None, None),
    devices: Sequence[Device] | None = None,
    allow: Sequence[options.Names] | None = None,
) -> Terms:
    """Return the terms of a comparison; raise UserError for options that do not fit.

    envs: the texts of both sides. devices: see ``parse_env``.
    """
    if output is not None:
        check_writable(output)
    before, after = (parse_env(texts or (), devices) for texts in envs)
    return Terms(
        baseline=versions[0],
        candidate=versions[1],
        command=quote_command(),
        # A program may read stdout: the result alone goes there.
        progress=lambda line: print(line, file=sys.stderr),
        tolerance=tolerance,
        budget=budget,
        envs=(before, after),
        install=install,
        additions=tuple(additions or ()),
        allowed=options.join_names(allow),
        pip=read_options(),
    )


def choose_folder(plan: PairedPlan, output: Path | None) -> Path:
    """Return --output, or a new folder: in results/ of our own checkout, else in the cache.

    A stranger's repository stays as it is.
    """
    if output is not None:
        return output
    return (RESULTS if Path.cwd() == machine.ROOT else cache.root() / RESULTS) / plan.run


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
    result: ComparisonResult,
    terms: Terms,
    stopped: int,
    style: str,
    fail_on: CaseVerdict,
    *,
    folder: Path,
) -> NoReturn:
    """Print a result, and where its records are; exit. stopped: the status of a signal, or 0."""
    result = replace(
        result,
        fail_on=(fail_on,),
        allow_missing="missing" in terms.allowed,
        allow_nothing="nothing" in terms.allowed,
    )
    print_comparison(build_output(result), style)
    if (folder / layout.TRIALS).exists():
        sys.stdout.flush()  # the folder comes last where both streams are one
        terms.progress(f"records: {folder}")
    raise typer.Exit(stopped or result.exit_status)
