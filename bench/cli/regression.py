"""``bench ab``, ``calibrate`` and ``compare``: is one version slower than another?"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bench.cli.console import WAITING, print_comparison, stderr
from bench.cli.options import (
    CASES,
    FILES,
    MEASURING,
    VERDICT,
    BatchSize,
    Data,
    Device,
    FailOn,
    Implementations,
    Names,
    OneWorkload,
    OutputFormat,
    Slowdowns,
    ThreadCount,
    Tolerance,
    join_names,
    parse_duration,
    parse_gates,
    parse_slowdowns,
)

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.regression.calibration.session import Calibration
    from bench.regression.paired.request import Asked
    from bench.regression.paired.result import Finding

# Two runs of one machine hours apart, with nothing changed, differed by up to 10 % in means of
# five processes (docs/methodology.md). Single processes differ by more.
BETWEEN_RUNS = 0.2


def ab(
    base: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="The version to compare with: a git revision, packages such as "
            "scikit-learn==1.8.0, a Python executable or a .py file. Its code runs with your "
            "rights.",
            rich_help_panel="Versions",
        ),
    ],
    candidate: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="The version that may be slower, named in the same ways; . is the working tree.",
            rich_help_panel="Versions",
        ),
    ] = ".",
    implementation: Implementations = None,
    workload: OneWorkload = "sgd",
    device: Device = "cpu",
    batch_size: BatchSize = None,
    threads: ThreadCount = 1,
    budget: Annotated[
        float,
        typer.Option(
            metavar="TIME",
            parser=parse_duration,
            help="Measure each case for at most this time.",
            show_default="3m",
            rich_help_panel=MEASURING,
        ),
    ] = 180,
    tolerance: Tolerance = 0.02,
    gate: Annotated[
        list[Names] | None,
        typer.Option(
            metavar="NAME,NAME,…",
            parser=parse_gates,
            help="Judge these besides the epoch: import, memory, first-epoch, set-up.",
            rich_help_panel=VERDICT,
        ),
    ] = None,
    fail_on: FailOn = "slower",
    style: OutputFormat = "table",
    data: Data = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the records. Default: a new one in results/.",
            rich_help_panel=FILES,
        ),
    ] = None,
) -> None:
    """Compare two versions in pairs of fresh processes; exit with status 1 if one is slower."""
    from bench.regression import differences, exit_codes
    from bench.regression.calibration import spread
    from bench.regression.paired import request
    from bench.report.regression import paired
    from bench.runner import machine, planning

    if output is not None:
        planning.check_writable(output)
    options = request.CaseOptions(
        implementations=tuple(implementation or ()),
        workload=workload,
        device=device,
        batch_size=batch_size,
        threads=threads,
        data=data,
    )
    with request.comparison(
        (base, candidate),
        options,
        tolerance=tolerance,
        budget=budget,
        gates=join_names(gate),
        command=f"python -m bench {shlex.join(sys.argv[1:])}",
        # A program may read stdout: the result alone goes there.
        progress=lambda line: print(line, file=sys.stderr),
    ) as comparison:
        plan = comparison.plan
        folder = output or planning.RESULTS / plan.run
        findings, stopped = _measure_pairs(folder, comparison)
    calibrated = spread.Calibrated(spread.folder(machine.describe()["id"]))
    sees = {
        finding.pairing.name: calibrated.sees(finding.pairing.base.slug, finding.pairs, plan.rule)
        for finding in findings
    }
    print_comparison(paired.shown(plan, findings, sees, differences.between(folder)), style)
    code = exit_codes.status(plan, findings, (fail_on,), named=bool(implementation))
    raise typer.Exit(stopped or code)


def _measure_pairs(folder: Path, comparison: "Asked") -> tuple[list["Finding"], int]:
    """Return the results and the exit status of a signal that stopped measuring, or 0."""
    from bench.records import store
    from bench.regression.paired import result
    from bench.runner import signals

    if not comparison.plan.pairings:
        return [], 0
    store.create(folder, comparison.plan, "comparison.json")
    stopped = signals.run_until_signal(_follow_pairs, folder, comparison)
    return result.read(folder), stopped


def _follow_pairs(folder: Path, comparison: "Asked") -> None:
    """Measure and print what happens; the screen changes only between two processes."""
    from rich.live import Live

    from bench.regression.paired import loop
    from bench.report.regression import paired
    from bench.runner.loop import HostBusy

    events = loop.perform(folder, comparison.plan, comparison.data, comparison.places)
    with Live(console=stderr, auto_refresh=False, transient=True) as live:
        for event in events:
            match event:
                case HostBusy():
                    stderr.print(WAITING)
                case loop.Begun(pairing, number, total):
                    line = Text(f"{pairing.name} ({number} of {total}): a first pair")
                    live.update(line, refresh=stderr.is_terminal)
                case loop.Paired(pairing, number, pairs, _):
                    line = Text(f"{pairing.name}: pair {number} of {pairs} at most")
                    live.update(line, refresh=stderr.is_terminal)
                case loop.Looked(finding):
                    stderr.print(paired.line(finding), soft_wrap=True, markup=False)


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
            help="Slow the candidate down by these shares; 20%/5 strikes each fifth epoch.",
            rich_help_panel=CASES,
        ),
    ] = "2%,3%,5%,20%/5",  # type: ignore[assignment]
    budget: Annotated[
        float,
        typer.Option(
            metavar="TIME",
            parser=parse_duration,
            help="Measure for this time, such as 10m or 2h.",
            show_default="10m",
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
    from bench.regression.calibration import session as calibration
    from bench.regression.calibration import spread
    from bench.regression.paired import request
    from bench.report.regression import calibration as tables
    from bench.runner import machine, signals

    folder = calibrations or spread.folder(machine.describe()["id"])
    stopped = 0
    if not show:
        options = request.CaseOptions(
            implementations=tuple(implementation or ()),
            workload=workload,
            device=device,
            batch_size=batch_size,
            threads=threads,
            data=data,
        )
        session = calibration.session(
            request.cases(options),
            slowdowns=inject,
            budget=budget,
            data=data,
            command=f"python -m bench {shlex.join(sys.argv[1:])}",
        )
        found = dataset.find(data)
        store.create(folder / session.run, session, calibration.PLAN)
        stopped = signals.run_until_signal(_follow_blocks, folder / session.run, session, found)
    print_comparison(tables.shown(spread.Calibrated(folder)), style)
    raise typer.Exit(stopped)


def _follow_blocks(folder: Path, session: "Calibration", data: "Dataset") -> None:
    """Measure and print what happens; the screen changes only between two blocks."""
    from rich.live import Live

    from bench.regression.calibration import session as calibration
    from bench.report.regression.calibration import injected
    from bench.report.render import numbers
    from bench.runner.loop import HostBusy

    with Live(console=stderr, auto_refresh=False, transient=True) as live:
        for event in calibration.perform(folder, session, data):
            if isinstance(event, HostBusy):
                stderr.print(WAITING)
                continue
            block, remaining = event.block, numbers.clock(max(0.0, event.left))
            case = f"{block.case.implementation}, {injected(block.slowdown)} injected"
            line = Text(f"block {block.number}: {case}; {remaining} left")
            live.update(line, refresh=stderr.is_terminal)


def compare(
    baseline: Annotated[
        Path, typer.Argument(metavar="BASELINE", help="Folder of the run to compare with.")
    ],
    candidate: Annotated[
        Path, typer.Argument(metavar="CANDIDATE", help="Folder of the run that may be slower.")
    ],
    tolerance: Tolerance = 0.02,
    across_machines: Annotated[
        bool,
        typer.Option(
            "--across-machines",
            help="Compare runs of different machines too.",
            rich_help_panel=VERDICT,
        ),
    ] = False,
    fail_on: FailOn = "slower",
    style: OutputFormat = "table",
) -> None:
    """Compare two stored runs; use bench ab to find slowdowns smaller than 20 %."""
    from bench.regression.calibration import spread
    from bench.regression.stats.decision import Rule
    from bench.regression.stored import load, result
    from bench.report.regression import stored

    base, other = load.side(baseline), load.side(candidate)
    terms = result.Terms(Rule(tolerance), BETWEEN_RUNS, across_machines, fail_on == "undecided")
    if base.machine is None:
        judged = result.judged(base, other, lambda _: None, terms)
    else:
        calibrated = load.calibrated(spread.folder(base.machine), base.machine)
        judged = result.judged(base, other, calibrated.spread, terms)
    print_comparison(stored.shown(judged), style)
    raise typer.Exit(judged.status)
