"""``bench ab``: two versions measured against each other."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bench.cli.console import WAITING, Data, Device, Seed, Timeout, chosen, show_comparison

if TYPE_CHECKING:
    from bench.regression.paired.plan import Comparison
    from bench.regression.paired.request import Asked
    from bench.regression.paired.result import Finding

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
    from bench.cli import options
    from bench.regression import exit_codes
    from bench.regression.paired import request

    chosen(style)
    failing = options.several("--fail-on", fail_on or (), exit_codes.FAIL_ON)
    if output is not None:
        options.writable(output)
    given = request.Given(
        tuple(implementation or ()), workload, device, batch_size, threads, samples, data
    )
    terms = request.Terms(tolerance, budget, tuple(gate or ()), timeout, seed)
    command = f"python -m bench {shlex.join(sys.argv[1:])}"
    with request.comparison((base, candidate), given, terms, command, _say) as comparison:
        folder = output or Path("results") / comparison.plan.run
        found, stopped = _measured(folder, comparison)
    _show(folder, comparison.plan, found, style)
    code = exit_codes.status(comparison.plan, found, failing, named=bool(implementation))
    raise typer.Exit(stopped or code)


def _show(folder: Path, plan: "Comparison", found: list["Finding"], style: str) -> None:
    from bench.regression import differences
    from bench.regression.calibration import spread
    from bench.report.regression import paired
    from bench.runner import machine

    here = spread.Calibrated(spread.folder(machine.describe()["id"]))
    sees = {
        each.pairing.name: here.sees(each.pairing.base.slug, each.pairs, plan.rule)
        for each in found
    }
    show_comparison(paired.shown(plan, found, sees, differences.between(folder)), style)


def _say(line: str) -> None:
    """Progress goes to stderr: what a program reads on stdout is the result alone."""
    print(line, file=sys.stderr)


def _measured(folder: Path, comparison: "Asked") -> tuple[list["Finding"], int]:
    from bench.records import store
    from bench.regression.paired import result
    from bench.runner import signals

    if not comparison.plan.pairings:
        return [], 0
    store.create_run(folder, comparison.plan, "comparison.json")
    stopped = signals.run_until_signal(_follow, folder, comparison)
    return result.read(folder), stopped


def _follow(folder: Path, comparison: "Asked") -> None:
    """Show what is running; the screen changes only between two processes."""
    from rich.console import Console
    from rich.live import Live

    from bench.regression.paired import loop as measuring
    from bench.report.regression import paired
    from bench.runner.loop import HostBusy

    screen = Console(stderr=True, highlight=False)
    plan = comparison.plan
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        for event in measuring.perform(folder, plan, comparison.data, comparison.places):
            match event:
                case HostBusy():
                    screen.print(WAITING)
                case measuring.Begun(pairing, number, total):
                    shown = Text(f"{pairing.name} ({number} of {total}): a first pair")
                    live.update(shown, refresh=screen.is_terminal)
                case measuring.Paired(pairing, number, pairs, _):
                    shown = Text(f"{pairing.name}: pair {number} of {pairs} at most")
                    live.update(shown, refresh=screen.is_terminal)
                case measuring.Looked(finding):
                    screen.print(paired.line(finding), soft_wrap=True, markup=False)
