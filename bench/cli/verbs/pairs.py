"""What ``bench ab`` and ``bench gate`` share: the terms of a comparison, and its end."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import typer

from bench.cli.console import quote_command, stderr
from bench.cli.live import Transient, print_measurement
from bench.cli.verdicts import print_comparison
from bench.contract import Device
from bench.errors import UserError
from bench.planning.plan import check_writable
from bench.records import store
from bench.regression.paired.comparison_plan import PairedPlan
from bench.regression.result import CaseComparison, ComparisonResult
from bench.regression.versions import venv
from bench.report.regression.verdicts import build_output, describe_case
from bench.runner.host import signals
from bench.runner.process.spec import parse_env


def make_terms(
    *,
    tolerance: float,
    budget: float,
    envs: Sequence[Sequence[str] | None],
    devices: Sequence[Device] | None,
    install: bool,
    extra: Sequence[str] | None,
    same_code_ok: bool,
    pre: bool,
    constraint: Sequence[Path] | None,
    index_url: str | None,
    extra_index_url: Sequence[str] | None,
    output: Path | None,
) -> dict[str, Any]:
    """Return the parameters that ``prepare_comparison`` and ``prepare_commands`` share.

    envs: the texts of both sides. devices: see ``parse_env``. Raises UserError.
    """
    if extra and not install:
        raise UserError("--extra needs --install. Add it, or leave --extra out")
    if output is not None:
        check_writable(output)
    return {
        "command": quote_command(),
        # A program may read stdout: the result alone goes there.
        "progress": lambda line: print(line, file=sys.stderr),
        "tolerance": tolerance,
        "budget": budget,
        "envs": tuple(parse_env(texts or (), devices) for texts in envs),
        "install": tuple(extra or ()) if install else None,
        "same_code_ok": same_code_ok,
        "pip": venv.read_options(constraint or (), index_url, extra_index_url or (), pre=pre),
    }


def measure(
    folder: Path, plan: PairedPlan, name: str, events: Iterable[str | CaseComparison]
) -> int:
    """Store a plan, and print what is measured; return the exit status of a signal, or 0."""
    store.create_run(folder, plan, name)
    lines = (
        Transient(event) if isinstance(event, str) else describe_case(event) for event in events
    )
    return signals.run_until_signal(print_measurement, stderr, lines)


def finish(result: ComparisonResult, stopped: int, style: str, fail_on: Any) -> NoReturn:
    """Print a result and exit. stopped: the exit status of a signal, or 0."""
    result = replace(result, fail_on=(fail_on,))
    print_comparison(build_output(result), style)
    raise typer.Exit(stopped or result.exit_status)
