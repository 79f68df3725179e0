"""``bench merge``: parts of a run become one run."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import console


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
    console.print(text, soft_wrap=True, markup=False)
