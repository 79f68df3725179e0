"""``bench calibrate``: measure the noise and the false alarms of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import (
    Transient,
    print_comparison,
    print_measurement,
    quote_command,
    stderr,
)
from bench.cli.options import (
    CASES,
    FILES,
    MEASURING,
    BatchSize,
    Data,
    Device,
    Implementations,
    OneWorkload,
    OutputFormat,
    Slowdowns,
    ThreadCount,
    parse_duration,
    parse_slowdowns,
)
from bench.errors import UserError


def calibrate(
    implementation: Implementations = None,
    workload: OneWorkload = "sgd",
    device: Device = "cpu",
    batch_size: BatchSize = None,
    threads: ThreadCount = 1,
    inject: Annotated[
        Slowdowns,
        typer.Option(
            metavar="SHARE[/N],…|none",
            parser=parse_slowdowns,
            help="Slow the candidate down by these shares. 20%/5 slows down every fifth epoch.",
            rich_help_panel=CASES,
        ),
    ] = "2%,3%,5%,20%/5",  # type: ignore[assignment]  # Typer parses it
    budget: Annotated[
        float,
        typer.Option(
            metavar="TIME",
            parser=parse_duration,
            help="Measure for this time, such as 30m or 2h. Default: 10m.",
            show_default=False,
            rich_help_panel=MEASURING,
        ),
    ] = 600,
    show: Annotated[
        bool,
        typer.Option(
            "--show",
            help="Measure nothing: print what earlier calibrations found.",
            rich_help_panel=MEASURING,
        ),
    ] = False,
    style: OutputFormat = "table",
    data: Data = None,
    calibrations: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of this machine's calibrations. Default: one in your user data folder.",
            rich_help_panel=FILES,
        ),
    ] = None,
) -> None:
    """Measure false alarms on this machine, and which slowdowns bench ab would see."""
    from bench.data import dataset
    from bench.records import store
    from bench.records.layout import CALIBRATION_PLAN
    from bench.records.schema import FORMAT
    from bench.regression.calibration.detectable import assess_detectability
    from bench.regression.calibration.session import CalibrationPlan, measure_session
    from bench.regression.calibration.spread import Calibrations, locate_calibrations
    from bench.regression.paired.comparison_plan import SEED, TIMEOUT
    from bench.regression.paired.prepare import CaseOptions, select_cases
    from bench.report.regression.calibration import build_calibration_output
    from bench.runner import signals
    from bench.runner.machine import describe
    from bench.runner.plan import make_run_name

    folder = calibrations or locate_calibrations(describe()["id"])
    if show and calibrations is not None and not calibrations.is_dir():
        raise UserError(f"there is no folder {calibrations}; give one that holds calibrations")
    stopped = 0
    if not show:
        run, created = make_run_name()
        cases = CaseOptions(
            tuple(implementation or ()), workload, device, batch_size, threads, data
        )
        plan = CalibrationPlan(
            format=FORMAT,
            run=run,
            command=quote_command(),
            created=created,
            seed=SEED,
            cases=select_cases(cases),
            slowdowns=inject,
            budget=budget,
            timeout=TIMEOUT,
            data_source=data,
        )
        store.create_run(folder / run, plan, CALIBRATION_PLAN)
        lines = map(Transient, measure_session(folder / run, plan, dataset.find(data)))
        stopped = signals.run_until_signal(print_measurement, stderr, lines)
    print_comparison(build_calibration_output(assess_detectability(Calibrations(folder))), style)
    raise typer.Exit(stopped)
