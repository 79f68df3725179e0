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
    from bench.regression.calibration.session import CalibrationPlan
    from bench.regression.paired.prepare import PreparedComparison

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
    from bench.regression.calibration.spread import Calibrations, calibration_folder
    from bench.regression.paired.judge_pairs import load_result
    from bench.regression.paired.prepare import CaseOptions, prepare_comparison
    from bench.report.regression.verdicts import build_output
    from bench.runner.machine import describe
    from bench.runner.plan import RESULTS, check_writable, resolve_threads
    from bench.worker.machine import list_usable_cores

    if output is not None:
        check_writable(output)
    cases = CaseOptions(
        implementations=tuple(implementation or ()),
        workload=workload,
        device=device,
        batch_size=batch_size,
        threads=resolve_threads(threads, len(list_usable_cores())),
        data=data,
    )
    with prepare_comparison(
        base,
        candidate,
        cases=cases,
        command=f"python -m bench {shlex.join(sys.argv[1:])}",
        # A program may read stdout: the result alone goes there.
        progress=lambda line: print(line, file=sys.stderr),
        tolerance=tolerance,
        budget=budget,
        gates=join_names(gate),
    ) as comparison:
        plan = comparison.plan
        folder = output or RESULTS / plan.run
        stopped = _measure_pairs(folder, comparison)
    calibrations = Calibrations(calibration_folder(describe()["id"]))
    result = load_result(
        folder,
        plan,
        required=bool(implementation),
        fail_on=(fail_on,),
        detect=lambda case: calibrations.detectable_slowdown(case.case, case.pairs, plan.rule),
    )
    print_comparison(build_output(result), style)
    raise typer.Exit(stopped or result.exit_status)


def _measure_pairs(folder: Path, comparison: "PreparedComparison") -> int:
    """Measure a comparison; return the exit status of the signal that stopped it, or 0."""
    from bench.records import store
    from bench.records.layout import COMPARISON_PLAN
    from bench.runner import signals

    if not comparison.plan.pairings:
        return 0
    store.create_run(folder, comparison.plan, COMPARISON_PLAN)
    return signals.run_until_signal(_follow_pairs, folder, comparison)


def _follow_pairs(folder: Path, comparison: "PreparedComparison") -> None:
    """Measure and print what happens; the screen changes only between two processes."""
    from rich.live import Live

    from bench.regression.paired import measure_pairs
    from bench.report.regression.verdicts import describe_case
    from bench.runner.loop import HostBusy

    events = measure_pairs.measure(
        folder, comparison.plan, comparison.data, comparison.installations
    )
    with Live(console=stderr, auto_refresh=False, transient=True) as live:
        for event in events:
            match event:
                case HostBusy():
                    stderr.print(WAITING)
                case measure_pairs.CaseStarted(pairing, number, total):
                    line = Text(f"{pairing.name} ({number} of {total}): a first pair")
                    live.update(line, refresh=stderr.is_terminal)
                case measure_pairs.PairMeasured(pairing, number, pairs, _):
                    line = Text(f"{pairing.name}: pair {number} of {pairs} at most")
                    live.update(line, refresh=stderr.is_terminal)
                case measure_pairs.LookTaken(case):
                    stderr.print(describe_case(case), soft_wrap=True, markup=False)


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
            help="Slow the candidate down by these shares; 20%/5: every fifth epoch only.",
            rich_help_panel=CASES,
        ),
    ] = "2%,3%,5%,20%/5",  # type: ignore[assignment]  # Typer parses it
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
    from bench.records.layout import CALIBRATION_PLAN
    from bench.regression.calibration.session import plan_session
    from bench.regression.calibration.spread import Calibrations, calibration_folder
    from bench.regression.paired.prepare import CaseOptions, select_cases
    from bench.report.regression.calibration import build_calibration_output
    from bench.runner import signals
    from bench.runner.machine import describe
    from bench.runner.plan import resolve_threads
    from bench.worker.machine import list_usable_cores

    folder = calibrations or calibration_folder(describe()["id"])
    stopped = 0
    if not show:
        cases = CaseOptions(
            implementations=tuple(implementation or ()),
            workload=workload,
            device=device,
            batch_size=batch_size,
            threads=resolve_threads(threads, len(list_usable_cores())),
            data=data,
        )
        session = plan_session(
            select_cases(cases),
            inject,
            budget=budget,
            command=f"python -m bench {shlex.join(sys.argv[1:])}",
            data=data,
        )
        found = dataset.find(data)
        store.create_run(folder / session.run, session, CALIBRATION_PLAN)
        stopped = signals.run_until_signal(_follow_blocks, folder / session.run, session, found)
    print_comparison(build_calibration_output(Calibrations(folder)), style)
    raise typer.Exit(stopped)


def _follow_blocks(folder: Path, session: "CalibrationPlan", data: "Dataset") -> None:
    """Measure and print what happens; the screen changes only between two blocks."""
    from rich.live import Live

    from bench.regression.calibration.session import measure_session
    from bench.report.regression.calibration import describe_slowdown
    from bench.report.render import numbers
    from bench.runner.loop import HostBusy

    with Live(console=stderr, auto_refresh=False, transient=True) as live:
        for event in measure_session(folder, session, data):
            if isinstance(event, HostBusy):
                stderr.print(WAITING)
                continue
            block, remaining = event.block, numbers.format_wall_time(max(0.0, event.seconds_left))
            case = f"{block.case.implementation}, {describe_slowdown(block.slowdown)} injected"
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
    from bench.regression.calibration.spread import calibration_folder
    from bench.regression.stats.decision import Rule
    from bench.regression.stored.judge_runs import CompareOptions, compare_runs
    from bench.regression.stored.sides import load_calibrations, load_side
    from bench.report.regression.verdicts import build_output

    base, other = load_side(baseline), load_side(candidate)
    find_spread = None
    if base.machine is not None:
        find_spread = load_calibrations(calibration_folder(base.machine), base.machine).spread
    options = CompareOptions(
        rule=Rule(tolerance),
        between_runs=BETWEEN_RUNS,
        across_machines=across_machines,
        fail_on=(fail_on,),
    )
    result = compare_runs(base, other, find_spread, options)
    print_comparison(build_output(result), style)
    raise typer.Exit(result.exit_status)
