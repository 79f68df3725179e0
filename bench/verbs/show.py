"""The verbs that measure nothing: what there is, and what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from bench.verbs import Data, console, show_report


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder in results/.")],
    readme: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Renew the part between its two marks.")
    ] = None,
) -> None:
    """Write a run's report.md, summary.csv and charts again, and print its tables."""
    from bench import report as reports

    show_report(folder)
    if readme is not None:
        reports.update_readme(readme, folder)


def implementations() -> None:
    """List the implementations, and whether their frameworks are installed."""
    from bench.report import terminal

    console.print(terminal.implementations())


def machine() -> None:
    """Say what machine this is, as the records will."""
    from bench import machine as here

    for key, value in here.describe().items():
        shown = value if isinstance(value, bool | int) else value or "none"
        console.print(f"{key:<14}{shown}", soft_wrap=True, markup=False)


def data(data: Data = None) -> None:
    """Say where the data are, and show them."""
    from bench import dataset, preview

    found = dataset.find(data)
    console.print(preview.facts(found), soft_wrap=True)
    console.print(preview.counts(found))
    console.print(preview.images(found, console.width if console.is_terminal else 80))
