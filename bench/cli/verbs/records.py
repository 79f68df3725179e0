"""``bench export`` and ``bench merge``: convert stored runs, or join the parts of one."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.console import print_line
from bench.cli.options import files_option
from bench.errors import UserError
from bench.records.merge import merge_runs
from bench.report.base.load import load_by_machine
from bench.report.export import export_pyperf, export_pytest_benchmark, list_omissions


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    style: Annotated[
        Literal["pytest-benchmark", "pyperf"],
        files_option(
            "--format",
            help="Print the run in the format of pytest-benchmark or pyperf.",
        ),
    ],
) -> None:
    """Print a run in another tool's format; stderr lists what the export lacks."""
    run, *others = load_by_machine(folder)
    if run.faults:
        raise UserError(
            f"{folder}/{run.faults[0]}. Delete it, or have run --resume measure it again"
        )
    if others:
        raise UserError(
            f"this run was measured on {1 + len(others)} machines, but a file of this format has "
            "one. Export a run of one machine"
        )
    convert = export_pyperf if style == "pyperf" else export_pytest_benchmark
    print(json.dumps(convert(run), indent=2, allow_nan=False))
    for line in list_omissions(run):
        print(line, file=sys.stderr)


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folders of runs, or of several runs.")
    ],
    output: Annotated[
        Path,
        files_option(
            metavar="DIR",
            help="Write to this folder, which is new or empty.",
        ),
    ],
) -> None:
    """Merge the parts of a run; several runs get a folder each.

    A record that several parts have is written once. Two different records of a trial are an error.
    """
    merged = merge_runs(folders, output)
    parts, records = sum(run.parts for run in merged), sum(len(run.records) for run in merged)
    repeated = sum(run.repeated for run in merged)
    again = f" ({repeated:,} of them more than once)" if repeated else ""
    print_line(f"merged {parts:,} runs with {records:,} records{again} into {output}")
