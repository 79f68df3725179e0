"""``bench history``: what each case took in several runs, in the order of their creation."""

from pathlib import Path
from typing import Annotated

import typer

from bench.verbs import console


def history(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write history.md and charts there.")
    ] = None,
) -> None:
    """Show each case over several runs; nothing is judged, that is what ab is for."""
    from bench import history as past
    from bench.report import history as page
    from bench.report import terminal

    kept = [page.read(folder) for folder in folders]
    found = past.tracks(kept)
    for track in found:
        for table in (page.runs(track), *map(page.cases, page.groups(track))):
            console.print("\n", terminal.laid_out(table), sep="")
    console.print("\n", end="")
    said = page.remarks(kept, found)
    for remark in said:
        console.print(remark, soft_wrap=True, markup=False)
    if output is not None:
        console.print(f"{page.write(output, found, said)}", soft_wrap=True, markup=False)
