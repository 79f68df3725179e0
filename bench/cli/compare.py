"""``bench compare``: is a stored run slower than another one?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import chosen, show_comparison

if TYPE_CHECKING:
    from bench.regression.stored.result import Judged, Terms


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
    from bench.regression.exit_codes import FAIL_ON
    from bench.regression.stats.decision import Rule
    from bench.regression.stored.result import Terms
    from bench.report.regression import stored as gate

    chosen(shown)
    terms = Terms(
        Rule(parsing.share(tolerance, "--tolerance", least=0.0) or 0.0),
        parsing.share(between_runs, "--between-runs") or 0.0,
        across_machines,
        "undecided" in options.several("--fail-on", fail_on or (), FAIL_ON),
    )
    found = _judged(baseline, candidate, terms, calibrations)
    show_comparison(gate.shown(found), shown)
    raise typer.Exit(found.status)


def _judged(baseline: Path, candidate: Path, terms: "Terms", calibrations: Path | None) -> "Judged":
    """Read both sides and what was calibrated on their machine; raises UserError."""
    from bench.errors import UserError
    from bench.regression.calibration import spread
    from bench.regression.stored import load, result

    if calibrations is not None and not calibrations.is_dir():
        raise UserError(f"--calibrations {calibrations}: there is no such folder; name another")
    base, other = load.side(baseline), load.side(candidate)
    if base.machine is None:
        return result.judged(base, other, lambda _: None, terms)
    folder = calibrations or spread.folder(base.machine)
    return result.judged(base, other, load.calibrated(folder, base.machine).spread, terms)
