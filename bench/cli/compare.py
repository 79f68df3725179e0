"""``bench compare``: is a stored run slower than another one?"""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import chosen, show_comparison


def compare(
    baseline: Annotated[Path, typer.Argument(metavar="BASELINE", help="Folder of a run.")],
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="Folder of another run.")],
    # Two runs of one machine hours apart, with nothing changed, differed by up to 10 % in means of
    # five processes (docs/methodology.md). Single processes differ by more.
    between_runs: Annotated[
        str,
        typer.Option(metavar="SHARE", help="Slower beyond this where nothing was calibrated."),
    ] = "20%",
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="What is smaller is no matter.")
    ] = "2%",
    across_machines: Annotated[
        bool, typer.Option("--across-machines", help="Compare runs of different machines too.")
    ] = False,
    shown: Annotated[
        str, typer.Option("--format", metavar="NAME", help="table, markdown, json or github.")
    ] = "table",
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERDICT", help="slower always fails; also undecided (repeatable, or commas)."
        ),
    ] = None,
    calibrations: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of this machine. Default: the user's own.")
    ] = None,
) -> None:
    """Tell whether a stored run is slower than another, as far as stored runs can tell."""
    from bench.cli import options, parsing
    from bench.errors import UserError
    from bench.regression.calibration.spread import calibration_folder
    from bench.regression.result import FAIL_ON
    from bench.regression.stats.decision import Rule
    from bench.regression.stored.compare import CompareOptions, compare_runs
    from bench.regression.stored.load import load_calibrations, load_side
    from bench.report.regression.comparison import build_output

    chosen(shown)
    verdicts = options.several("--fail-on", fail_on or (), FAIL_ON)
    compare_options = CompareOptions(
        rule=Rule(parsing.share(tolerance, "--tolerance", least=0.0) or 0.0),
        between_runs=parsing.share(between_runs, "--between-runs") or 0.0,
        across_machines=across_machines,
        fail_on=verdicts,
    )
    if calibrations is not None and not calibrations.is_dir():
        raise UserError(f"--calibrations {calibrations}: there is no such folder. Name another")
    base, other = load_side(baseline), load_side(candidate)
    find_spread = None
    if base.machine is not None:
        folder = calibrations or calibration_folder(base.machine)
        find_spread = load_calibrations(folder, base.machine).spread
    result = compare_runs(base, other, find_spread, compare_options)
    show_comparison(build_output(result), shown)
    raise typer.Exit(result.exit_status)
