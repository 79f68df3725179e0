"""The command line, and the only file that prints."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.error import UserError

if TYPE_CHECKING:
    from bench.dataset import Dataset
    from bench.result import Run

app = typer.Typer(
    name="bench",
    help="Measure one softmax classifier in every framework.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# Without a terminal there is no width to keep to: every column is printed.
console = Console(width=None if sys.stdout.isatty() else 240, highlight=False)

Names = Annotated[
    list[str] | None,
    typer.Option("--implementation", metavar="NAME|FILE", help="Measure this one (repeatable)."),
]
Workloads = Annotated[
    list[str] | None, typer.Option("--workload", help="sgd or textbook (repeatable).")
]
Device = Annotated[str, typer.Option("--device", help="cpu or gpu.")]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="A folder of four IDX files, or 'digits'."),
]
MOST = 2**31 - 1


@app.command()
def run(
    implementation: Names = None,
    workload: Workloads = None,
    device: Device = "cpu",
    batch_size: Annotated[int | None, typer.Option(min=1, max=MOST)] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=MOST, help="Default: all.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, max=MOST, help="In an epoch.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=200, help="At least, timed.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=1000, help="Processes a case.")] = None,
    timeout: Annotated[float, typer.Option(min=1, max=86400, help="Seconds a trial.")] = 600,
    seed: Annotated[int, typer.Option(min=0, max=MOST, help="Of orders and weights.")] = 42,
    quick: Annotated[bool, typer.Option("--quick", help="One round of sgd, no figures.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List cases and time only.")] = False,
    data: Data = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --output, or with the newest run.")
    ] = False,
) -> None:
    """Measure, then write the report."""
    from bench import options

    given = options.Given(
        tuple(implementation or ()), tuple(workload or ()), device, batch_size, threads, samples,
        epochs, rounds, timeout, seed, quick, data,
    )  # fmt: skip
    command = _command()
    if resume:
        folder, planned = options.resumed(output, given)
    else:
        folder, planned = options.planned(output, given, command)
    if dry_run:
        _dry_run(planned)
    else:
        _measure(folder, planned, new=not resume)


def _command() -> str:
    import shlex

    return f"python -m bench {shlex.join(sys.argv[1:])}"


def _dry_run(planned: "Run") -> None:
    from bench import estimate, plan
    from bench.report.numbers import clock

    trials = plan.trials(planned)
    table = Table("workload", "implementation", "device", "batch size", "threads", "samples",
                  "epochs", "rounds", box=None, pad_edge=False)  # fmt: skip
    for case in planned.cases:
        table.add_row(case.workload, case.implementation, case.device, str(case.batch_size),
                      str(case.threads), f"{case.samples:,}", str(case.epochs),
                      str(planned.rounds[case.workload]))  # fmt: skip
    for case in planned.figures:
        table.add_row(case.workload, case.implementation, *["—"] * 5, "1")
    console.print(table)
    seconds = estimate.Estimate(estimate.earlier(Path("results"))).seconds(trials)
    time = "unknown: no earlier run to judge by" if seconds is None else clock(seconds)
    console.print(f"{len(trials)} trials, estimated time {time}")


def _measure(folder: Path, planned: "Run", *, new: bool) -> NoReturn:
    from bench import dataset, store

    data = dataset.find(planned.data)
    if new:
        store.create(folder, planned)
    interrupted = False
    try:
        _follow(folder, planned, data)
    except KeyboardInterrupt:
        interrupted = True
    _report(folder)
    failed = {"failed", "timeout", "out-of-memory"}
    if interrupted:
        console.print(f"interrupted; go on with --resume --output {folder}")
        raise typer.Exit(130)
    ended = {record.status for record in store.read_records(folder)}
    raise typer.Exit(3 if ended & failed else 0)


def _follow(folder: Path, planned: "Run", data: "Dataset") -> None:
    """Show what is running.

    The screen changes only when a trial starts or ends: between the two, nothing of this process
    may disturb what is measured.
    """
    from rich.live import Live

    from bench import estimate, plan
    from bench import run as runner
    from bench.report import terminal

    left = plan.trials(planned)
    times = estimate.Estimate(estimate.earlier(folder.parent))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for event in runner.perform(folder, planned, data):
            match event:
                case runner.Waiting():
                    console.print("another run is measuring on this machine; waiting for it")
                case runner.Importing(name):
                    live.update(Text(f"importing {name} once, unmeasured"), refresh=True)
                case runner.Started(trial, number, total):
                    left = left[left.index(trial) :]
                    shown = terminal.running(trial, number, total, times.seconds(left))
                    live.update(shown, refresh=console.is_terminal)
                case runner.Ended(record, number, total):
                    times.add(record)
                    console.print(terminal.ended(record, number, total))


def _report(folder: Path) -> None:
    """Write the report and print its tables."""
    from bench import report as reports
    from bench.report import tables, terminal

    written = reports.write(folder)
    rows, figures = reports.load(folder)
    for name in tables.workloads(rows):
        if tables.measured(rows, name):
            console.print("\n", terminal.comparison(console, rows, name), sep="")
    if figures:
        console.print("\n", terminal.figures(figures), sep="")
    if tables.faults(rows):
        console.print("\n", terminal.faults(rows), sep="")
    console.print(f"\n{written}", soft_wrap=True)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder in results/.")],
    readme: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Renew the part between its two marks.")
    ] = None,
) -> None:
    """Write a run's report.md, summary.csv and charts again, and print its tables."""
    from bench import report as reports

    _report(folder)
    if readme is not None:
        reports.update_readme(readme, folder)


@app.command("list")
def list_() -> None:
    """List the implementations, and whether their frameworks are installed."""
    from bench import options
    from implementations import IMPLEMENTATIONS

    table = Table("name", "framework", "objective", "style", "data", "devices",
                  box=None, pad_edge=False)  # fmt: skip
    for entry in IMPLEMENTATIONS:
        table.add_row(entry.name, Text(options.installed(entry)), entry.objective, entry.style,
                      entry.data, ", ".join(entry.devices))  # fmt: skip
    console.print(table)


@app.command()
def machine() -> None:
    """Say what machine this is, as the records will."""
    from bench import machine as here

    for key, value in here.describe().items():
        shown = value if isinstance(value, bool | int) else value or "none"
        console.print(f"{key:<14}{shown}", soft_wrap=True, markup=False)


@app.command()
def data(data: Data = None) -> None:
    """Say where the data are, and show them."""
    from bench import dataset, preview

    found = dataset.find(data)
    console.print(preview.facts(found), soft_wrap=True)
    console.print(preview.counts(found))
    console.print(preview.images(found, console.width if console.is_terminal else 80))


def main() -> NoReturn:
    """Run the command line; whatever a user can cause is one line on stderr."""
    if sys.platform == "win32":
        _refuse("Windows is not supported; use Linux, macOS or WSL")
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        _refuse(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(message: str) -> NoReturn:
    print(f"bench: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
