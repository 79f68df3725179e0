"""``bench calibrate``: count the false alarms of ``bench ab`` on this machine."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import print_comparison, quote_command, stderr
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import FORMAT
from bench.regression.calibration import session, spread
from bench.regression.paired.comparison_plan import TIMEOUT
from bench.regression.paired.prepare import CaseOptions, select_cases
from bench.regression.pairs.loop import hold_host
from bench.report.regression.calibration import build_calibration_output
from bench.runner.host.machine import describe

SHOW_OPTIONS = {"--show", "--format", "--calibrations"}


def calibrate(
    ctx: typer.Context,
    implementation: options.Implementations = None,
    samples: options.SampleCount = None,
    inject: Annotated[
        options.Slowdowns,
        options.cases_option(
            metavar="SHARE[/N],…|none",
            parser=options.parse_slowdowns,
            help="Slow the candidate down by these shares. 20%/5 slows down every fifth epoch.",
        ),
    ] = "2%,5%",  # type: ignore[assignment]  # Typer parses it
    budget: Annotated[
        float,
        options.duration(
            "Measure each comparison for at most this time, as in bench ab. Default: 3m."
        ),
    ] = 180,
    duration: Annotated[
        float,
        options.duration("Make comparisons for this time, such as 2h. Default: 30m.", "--for"),
    ] = 1800,
    show: Annotated[
        bool,
        options.flag(
            options.measuring_option,
            "--show",
            "Measure nothing: print what earlier calibrations found.",
        ),
    ] = False,
    style: options.OutputFormat = "table",
    data: options.Data = None,
    calibrations: Annotated[
        Path | None,
        options.files_option(
            metavar="DIR",
            help="Folder of this machine's calibrations. Default: one in your user data folder.",
        ),
    ] = None,
) -> None:
    """Count how often bench ab is wrong on this machine, and which slowdowns it finds."""
    folder = calibrations or spread.locate_calibrations(str(describe()["id"]))
    if show and calibrations is not None and not calibrations.is_dir():
        raise UserError(f"there is no folder {calibrations}. Give one that holds calibrations")
    status = 0
    if show:
        options.refuse_others(ctx, "--show measures nothing", SHOW_OPTIONS)
    else:
        run, created = store.make_run_name()
        case_options = CaseOptions(tuple(implementation or ()), data=data, samples=samples)
        plan = session.CalibrationPlan(
            format=FORMAT,
            run=run,
            command=quote_command(),
            created=created,
            seed=None,
            cases=select_cases(case_options),
            slowdowns=inject,
            budget=duration,
            timeout=TIMEOUT,
            data_source=data,
            decision_budget=budget,
        )
        store.create_run(folder / run, plan, CALIBRATION_PLAN)
        if session.find_places() == (session.TREE, session.TREE):
            stderr.print(session.SAME_PLACE)
        with pairs.reporting() as progress:
            given = folder / run, plan, case_options, progress
            status = hold_host(progress, partial(session.measure_session, *given))
        own = spread.Calibrations()
        own.add_session(folder / run)
        if not status and any(one.verdict in {"failed", "wrong"} for one in own.decisions):
            status = 3
    print_comparison(build_calibration_output(spread.load_calibrations(folder)), style)
    raise typer.Exit(status)
