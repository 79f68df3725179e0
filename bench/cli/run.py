"""``bench run``: measure, then write the report."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from bench.cli import cluster as clustered
from bench.cli.console import (
    RUNS,
    WAITING,
    Data,
    Pythons,
    Seed,
    Threads,
    Timeout,
    console,
    show_report,
)
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.records.schema import Run

Names = Annotated[
    list[str] | None,
    typer.Option(
        "--implementation", metavar="NAME|FILE", help=f"Measure this one (repeatable). {RUNS}"
    ),
]
Workloads = Annotated[
    list[str] | None, typer.Option("--workload", help="sgd or textbook (repeatable).")
]


def run(
    implementation: Names = None,
    workload: Workloads = None,
    device: Annotated[str, typer.Option(help="cpu, gpu, or both: cpu,gpu.")] = "cpu",
    batch_size: Annotated[
        str | None, typer.Option(metavar="N[,N…]", help="Images a step: 32, or 8,32,128.")
    ] = None,
    threads: Threads = None,
    samples: Annotated[
        str | None, typer.Option(metavar="N[,N…]", help="Images in an epoch; again from the first.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=200, help="At least, timed.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=1000, help="Processes a case.")] = None,
    timeout: Timeout = 600,
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="A process may allocate: 512MiB, 2GiB.")
    ] = None,
    seed: Seed = 42,
    quick: Annotated[bool, typer.Option("--quick", help="One round of sgd, no figures.")] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also other batch sizes, threads and samples.")
    ] = False,
    ceiling: Annotated[
        bool, typer.Option("--ceiling/--no-ceiling", help="Probe what the machine can do.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List cases and time only.")] = False,
    precision: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Rounds until so precise: 2%.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="End after so long: 90s, 10m, 2h.")
    ] = None,
    data: Data = None,
    python: Pythons = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --output, or with the newest run.")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Measure on hosts of this Dask scheduler.")
    ] = None,
    each_host: Annotated[
        bool, typer.Option("--each-host", help="Measure the whole plan on every machine.")
    ] = False,
    wait: Annotated[
        str | None, typer.Option(metavar="TIME", help="Wait for hosts: 30s, 10m. Default: 60s.")
    ] = None,
) -> None:
    """Measure, then write the report."""
    from bench.cli import options, parsing

    given = options.Given(
        tuple(implementation or ()), tuple(workload or ()), device, batch_size, threads, samples,
        epochs, rounds, timeout, seed, quick, sweep, ceiling, data, precision, budget,
        tuple(python or ()), memory_limit,
    )  # fmt: skip
    command = f"python -m bench {shlex.join(sys.argv[1:])}"
    if cluster is not None:
        patience = parsing.seconds(wait, "--wait") or 60.0
        clustered.run(
            cluster,
            given,
            command,
            output,
            each_host=each_host,
            patience=patience,
            resume=resume,
            dry_run=dry_run,
        )
    if each_host or wait is not None:
        raise UserError("--each-host and --wait are of --cluster; name its scheduler, or omit them")
    if resume:
        folder, planned = options.resumed(output, given)
        if planned.machine is not None:
            raise UserError(f"{folder} is measured by hosts of a cluster; name its --cluster")
    else:
        folder, planned = options.planned(output, given, command)
    if dry_run:
        _dry_run(planned)
    else:
        _measure(folder, planned, new=not resume)


def _dry_run(planned: "Run") -> None:
    from bench.cli import terminal
    from bench.runner import plan, progress

    trials = plan.plan_trials(planned)
    seconds = progress.Estimate(progress.read_earlier_records(Path("results"))).seconds(trials)
    console.print(terminal.plan(planned))
    for each in planned.skipped:
        console.print(f"not measured: {each.reason}", soft_wrap=True, markup=False)
    console.print(terminal.outlook(len(trials), seconds))


def _measure(folder: Path, planned: "Run", *, new: bool) -> NoReturn:
    from bench.data import dataset
    from bench.records import store
    from bench.runner import resume as trusted
    from bench.runner import signals

    data = dataset.find(planned.data)
    if new:
        store.create_run(folder, planned)
    status = signals.run_until_signal(_follow, folder, planned, data)
    found = show_report(folder)
    if status:
        named = shlex.join(
            ["--resume", "--output", str(folder), *trusted.repeated_options(planned)]
        )
        console.print(f"interrupted; go on with {named}", soft_wrap=True, markup=False)
        raise typer.Exit(status)
    raise typer.Exit(3 if found.failed else 0)


def _follow(folder: Path, planned: "Run", data: "Dataset") -> None:
    """Show what is running.

    The screen changes only when a trial starts or ends: between the two, nothing of this process
    may disturb what is measured.
    """
    from rich.live import Live

    from bench.cli import terminal
    from bench.runner import loop as runner
    from bench.runner import progress

    times = progress.Estimate(progress.read_earlier_records(folder.parent))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for event in runner.measure_run(folder, planned, data):
            match event:
                case runner.HostBusy():
                    console.print(WAITING)
                case runner.ImportStarted(name):
                    live.update(Text(f"importing {name} once, unmeasured"), refresh=True)
                case runner.TrialStarted(trial, number, total, left):
                    shown = terminal.running(trial, number, total, times.seconds(left))
                    live.update(shown, refresh=console.is_terminal)
                case runner.TrialEnded(record, number, total):
                    times.add(record)
                    console.print(terminal.ended(record, number, total))
                case runner.BudgetSpent(count):
                    console.print(f"the budget is spent: {count} trials were not made")
