"""``bench calibrate``: a version against itself, and against a slowdown that is known."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bench.cli.console import WAITING, Data, Device, Seed, Timeout, chosen, show_comparison

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.regression.calibration.session import CalibrationPlan

Names = Annotated[
    list[str] | None,
    typer.Option("--implementation", metavar="NAME", help="Calibrate this one (repeatable)."),
]


def calibrate(
    implementation: Names = None,
    workload: Annotated[str, typer.Option(help="sgd or textbook.")] = "sgd",
    device: Device = "cpu",
    batch_size: Annotated[str | None, typer.Option(metavar="N", help="Images a step.")] = None,
    threads: Annotated[str, typer.Option(metavar="N|all", help="Cores.")] = "1",
    samples: Annotated[str | None, typer.Option(metavar="N", help="Images in an epoch.")] = None,
    inject: Annotated[
        str,
        typer.Option(metavar="SHARE[/N],…|none", help="Slowdowns: 5%, 20%/5 of each fifth epoch."),
    ] = "2%,3%,5%,20%/5",
    budget: Annotated[str, typer.Option(metavar="TIME", help="Of measuring: 10m, 2h.")] = "10m",
    show: Annotated[
        bool, typer.Option("--show", help="Measure nothing: show what is known.")
    ] = False,
    style: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, markdown or json.")
    ] = "table",
    timeout: Timeout = 600,
    seed: Seed = 42,
    data: Data = None,
    calibrations: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where they are kept, if not with the user.")
    ] = None,
) -> None:
    """Measure what noise alone does on this machine, and what the gate sees through it."""
    from bench.cli import options, parsing
    from bench.data import dataset
    from bench.regression.calibration.session import plan_session
    from bench.regression.calibration.spread import Calibrations, calibration_folder
    from bench.regression.paired.request import select_cases
    from bench.report.regression.calibration import build_calibration_output
    from bench.runner import machine

    chosen(style)
    folder = calibrations or calibration_folder(machine.describe()["id"])
    stopped = 0
    if not show:
        cases = options.case_options(
            implementation, workload, device,
            batch_size=batch_size, threads=threads, samples=samples, data=data,
        )  # fmt: skip
        session = plan_session(
            select_cases(cases),
            parsing.slowdowns(inject),
            budget=parsing.seconds(budget) or 0.0,
            command=f"python -m bench {shlex.join(sys.argv[1:])}",
            timeout=timeout,
            seed=seed,
            data=data,
        )
        stopped = _measured(folder / session.run, session, dataset.find(data))
    show_comparison(build_calibration_output(Calibrations(folder)), style)
    raise typer.Exit(stopped)


def _measured(folder: Path, session: "CalibrationPlan", data: "Dataset") -> int:
    """Measure a session; return the exit status of the signal that stopped it, or 0."""
    from bench.records import store
    from bench.regression.calibration.session import PLAN
    from bench.runner import signals

    store.create_run(folder, session, PLAN)
    return signals.run_until_signal(_follow, folder, session, data)


def _follow(folder: Path, session: "CalibrationPlan", data: "Dataset") -> None:
    """Show what is running; the screen changes only between two blocks."""
    from rich.console import Console
    from rich.live import Live

    from bench.regression.calibration.session import measure_session
    from bench.report.regression.calibration import describe_slowdown
    from bench.report.render import numbers
    from bench.runner.loop import HostBusy

    screen = Console(stderr=True, highlight=False)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        for event in measure_session(folder, session, data):
            if isinstance(event, HostBusy):
                screen.print(WAITING)
                continue
            block, left = event.block, numbers.clock(max(0.0, event.seconds_left))
            what = f"{block.case.implementation}, {describe_slowdown(block.slowdown)} injected"
            line = Text(f"block {block.number}: {what}; {left} left")
            live.update(line, refresh=screen.is_terminal)
