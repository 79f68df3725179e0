"""``bench export`` and ``bench merge``: convert stored runs, or join the parts of one."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.console import print_line


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    style: Annotated[
        Literal["pytest-benchmark", "pyperf"],
        typer.Option("--format", help="The tool whose format to write."),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file. Default: stdout.")
    ] = None,
) -> None:
    """Write a run in another tool's format; stderr lists what the export lacks."""
    from bench.report import load
    from bench.report.export import json_file
    from bench.report.export.cases import list_remarks
    from bench.report.export.writers import WRITERS

    run = load.load_whole_run(folder)
    text = WRITERS[style](run)
    if output is None:
        print(text, end="")
    else:
        print_line(str(json_file.save_json(output, text)))
    for line in list_remarks(run):
        print(line, file=sys.stderr)


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or of several runs.")
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Write to this folder, which is new or empty.")
    ],
) -> None:
    """Merge the parts of a run; several runs get a folder each.

    A record that several parts have is written once. Two different records of a trial are an error.
    """
    from bench.records.merge import merge_runs

    merged = merge_runs(folders, output)
    parts, records = sum(run.parts for run in merged), sum(len(run.records) for run in merged)
    repeated = sum(run.repeated for run in merged)
    again = f" ({repeated:,} of them more than once)" if repeated else ""
    text = f"merged {parts:,} runs with {records:,} records{again} into {output}"
    print_line(text)
