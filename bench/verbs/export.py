"""``bench export``: a run, written for another tool."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.verbs import console


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder in results/.")],
    style: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="pytest-benchmark, pyperf, asv, github-action-benchmark or bencher.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A file, or asv's results folder. Default: stdout."),
    ] = None,
) -> None:
    """Write a run for another tool; what it lacks is said on stderr."""
    from bench.formats import asv, document
    from bench.formats.exported import remarks
    from bench.formats.writers import WRITERS
    from bench.plan import unknown
    from bench.report import loaded

    if style not in WRITERS:
        raise unknown("format", style, list(WRITERS))
    found = loaded.whole(folder)
    text = WRITERS[style](found)
    if output is None:
        print(text, end="")
    else:
        written = asv.save(found, output) if style == "asv" else [document.save(output, text)]
        for path in written:
            console.print(str(path), soft_wrap=True, markup=False)
    for line in remarks(found):
        print(line, file=sys.stderr)
