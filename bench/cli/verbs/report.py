"""``bench report``: write the report of one or several runs again, or the page of all of them."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_comparison, print_line
from bench.cli.options import files_option
from bench.cli.results import print_page, print_report
from bench.errors import UserError
from bench.records import layout
from bench.records.store import RESULTS
from bench.regression.folder import read_comparison
from bench.report import index
from bench.report.base.load import load_runs
from bench.report.regression.verdicts import build_output
from bench.report.write import write_report


def report(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Folders of runs, or folders that contain several runs. Without a RUN, write "
            "results/index.html, which lists all runs and comparisons. Of a folder that contains "
            "comparisons only, write such a list, too.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        files_option(
            metavar="DIR",
            help="Write the report of several runs to this folder.",
        ),
    ] = None,
) -> None:
    """Write reports, CSV and charts of stored runs again, and print one run's tables.

    Of a comparison, print its result again.
    """
    folders = folders or []
    several = len(folders) > 1 or any(map(layout.is_collection, folders))
    if output is not None and not several:
        raise UserError("--output needs several runs. Name more of them, or leave it out.")
    if not folders:
        print_line(str(index.write_index(RESULTS)))
    elif not several and any((folders[0] / plan).is_file() for plan in layout.PAIRED_PLANS):
        print_comparison(build_output(read_comparison(folders[0]).result), "table")
    elif not several and any(any(folders[0].glob(f"*/{plan}")) for plan in layout.PAIRED_PLANS):
        print_line(str(index.write_index(folders[0])))
    elif not several:
        print_report(folders[0])
    else:
        if output is None and len(folders) > 1:
            raise UserError("A report of several runs needs its own folder. Add --output DIR.")
        runs = [run for folder in folders for run in layout.find_runs(folder) or [folder]]
        print_page(write_report(load_runs(runs), output or folders[0]))
