"""``bench export``: write a run for another tool."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import console


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    style: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="Format to write: pytest-benchmark or pyperf."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write. Default: stdout.")
    ] = None,
) -> None:
    """Write a run in another tool's format; what the export lacks is listed on stderr."""
    from bench.report import load
    from bench.report.export import json_file
    from bench.report.export.cases import list_remarks
    from bench.report.export.writers import WRITERS
    from bench.runner.plan import unknown_name

    if style not in WRITERS:
        raise unknown_name("format", style, list(WRITERS))
    run = load.load_whole_run(folder)
    text = WRITERS[style](run)
    if output is None:
        print(text, end="")
    else:
        console.print(str(json_file.save_json(output, text)), soft_wrap=True, markup=False)
    for line in list_remarks(run):
        print(line, file=sys.stderr)
