"""``bench merge``: parts of runs made one."""

from pathlib import Path
from typing import Annotated

import typer

from bench.verbs import console


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or of several.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, or an empty one.")],
) -> None:
    """Make one run of its parts; runs of several names get a folder each.

    Nothing is chosen: the same record twice is one, and two of a trial that differ are an error.
    """
    from bench import merge as runs

    found = runs.merge(folders, output)
    for path in (path for each in found for path in each.unclaimed):
        console.print(f"left out: {path}, of no record", soft_wrap=True, markup=False)
    read, kept = (sum(len(each.parts) for each in found), sum(len(each.records) for each in found))
    twice = sum(each.repeated for each in found)
    again = f" ({twice:,} were there twice)" if twice else ""
    what = f"{_counted(read, 'run')}, {_counted(kept, 'record')}{again}"
    console.print(f"merged {what} into {output}", soft_wrap=True, markup=False)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
