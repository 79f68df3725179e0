"""``bench ab``: two versions measured against each other."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bench.cli.console import WAITING, Data, Device, Seed, Timeout, chosen, show_comparison

if TYPE_CHECKING:
    from bench.regression.paired.request import PreparedComparison
    from bench.regression.result import ComparisonResult

Names = Annotated[
    list[str] | None,
    typer.Option("--implementation", metavar="NAME", help="Measure this one (repeatable)."),
]
Version = "REV|PACKAGES|PYTHON|FILE"


def ab(
    base: Annotated[
        str, typer.Option(metavar=Version, help="main, scikit-learn==1.8.0, a.py …: its code runs.")
    ],
    candidate: Annotated[
        str, typer.Option(metavar=Version, help="Likewise; . is the tree as it is.")
    ] = ".",
    implementation: Names = None,
    workload: Annotated[str, typer.Option(help="sgd or textbook.")] = "sgd",
    device: Device = "cpu",
    batch_size: Annotated[str | None, typer.Option(metavar="N", help="Images a step.")] = None,
    threads: Annotated[str, typer.Option(metavar="N|all", help="Cores.")] = "1",
    samples: Annotated[str | None, typer.Option(metavar="N", help="Images in an epoch.")] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="What is smaller is no matter.")
    ] = "2%",
    budget: Annotated[str, typer.Option(metavar="TIME", help="Of measuring: 90s, 3m.")] = "3m",
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[,NAME…]", help="Judge also import, memory, first-epoch, set-up."
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="VERDICT", help="slower always fails; also undecided."),
    ] = None,
    style: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, markdown, json or github.")
    ] = "table",
    timeout: Timeout = 600,
    seed: Seed = 42,
    data: Data = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="The records' folder.")] = None,
) -> None:
    """Measure two versions in pairs of fresh processes, and say whether one is slower."""
    from bench.cli import options, parsing
    from bench.regression.paired.judge import GATES
    from bench.regression.paired.request import prepare_comparison
    from bench.regression.result import FAIL_ON
    from bench.report.regression.comparison import build_output

    chosen(style)
    verdicts = options.several("--fail-on", fail_on or (), FAIL_ON)
    if output is not None:
        options.writable(output)
    cases = options.case_options(
        implementation, workload, device,
        batch_size=batch_size, threads=threads, samples=samples, data=data,
    )  # fmt: skip
    with prepare_comparison(
        base,
        candidate,
        cases=cases,
        command=f"python -m bench {shlex.join(sys.argv[1:])}",
        progress=_say,
        tolerance=parsing.share(tolerance, "--tolerance", least=0.0) or 0.0,
        budget=parsing.seconds(budget) or 0.0,
        gates=options.several("gate", gate or (), GATES),
        timeout=timeout,
        seed=seed,
    ) as comparison:
        folder = output or Path("results") / comparison.plan.run
        stopped = _measure(folder, comparison)
    result = _load_result(folder, comparison, required=bool(implementation), fail_on=verdicts)
    show_comparison(build_output(result), style)
    raise typer.Exit(stopped or result.exit_status)


def _load_result(
    folder: Path, comparison: "PreparedComparison", *, required: bool, fail_on: tuple[str, ...]
) -> "ComparisonResult":
    from bench.regression.calibration.spread import Calibrations, calibration_folder
    from bench.regression.paired.judge import load_result
    from bench.runner import machine

    calibrations = Calibrations(calibration_folder(machine.describe()["id"]))
    rule = comparison.plan.rule
    return load_result(
        folder,
        comparison.plan,
        required=required,
        fail_on=fail_on,
        detect=lambda case: calibrations.detectable_slowdown(case.case, case.pairs, rule),
    )


def _say(line: str) -> None:
    """Progress goes to stderr: what a program reads on stdout is the result alone."""
    print(line, file=sys.stderr)


def _measure(folder: Path, comparison: "PreparedComparison") -> int:
    """Measure a comparison; return the exit status of the signal that stopped it, or 0."""
    from bench.records import store
    from bench.regression.paired.plan import PLAN
    from bench.runner import signals

    if not comparison.plan.pairings:
        return 0
    store.create_run(folder, comparison.plan, PLAN)
    return signals.run_until_signal(_follow, folder, comparison)


def _follow(folder: Path, comparison: "PreparedComparison") -> None:
    """Show what is running; the screen changes only between two processes."""
    from rich.console import Console
    from rich.live import Live

    from bench.regression.paired import loop
    from bench.report.regression.comparison import describe_case
    from bench.runner.loop import HostBusy

    screen = Console(stderr=True, highlight=False)
    events = loop.measure(folder, comparison.plan, comparison.data, comparison.installations)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        for event in events:
            match event:
                case HostBusy():
                    screen.print(WAITING)
                case loop.CaseStarted(pairing, number, total):
                    line = Text(f"{pairing.name} ({number} of {total}): a first pair")
                    live.update(line, refresh=screen.is_terminal)
                case loop.PairMeasured(pairing, number, pairs, _):
                    line = Text(f"{pairing.name}: pair {number} of {pairs} at most")
                    live.update(line, refresh=screen.is_terminal)
                case loop.LookTaken(case):
                    screen.print(describe_case(case), soft_wrap=True, markup=False)
