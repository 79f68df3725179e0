"""The verbs that measure nothing: what there is, and what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import Data, Pythons, console, show_report
from bench.errors import UserError


def report(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="Folders of runs."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of one report of several runs.")
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Renew the part between its two marks.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Validation accuracy to train up to: 0.84."),
    ] = None,
    relative_to: Annotated[
        str | None, typer.Option(metavar="MACHINE", help="Of several: what speedups are against.")
    ] = None,
    index: Annotated[
        bool, typer.Option("--index", help="Write results/index.html: all that was measured.")
    ] = False,
) -> None:
    """Write a run's report, summary.csv and charts again, and print its tables; or of several."""
    from bench.cli.options import RESULTS
    from bench.records import collection
    from bench.report import index as listed
    from bench.report.readme import update_readme

    match folders or []:
        case []:
            if not index:
                raise UserError("name the RUN to report, or add --index for a page of all of them")
        case [folder] if collection.is_collection(folder):
            _show_several(
                collection.find_runs(folder),
                output or folder,
                relative_to,
                only_of_one=(readme, target),
            )
        case [folder] if output is None:
            if relative_to is not None:
                raise UserError("--relative-to is for several runs; name another RUN and --output")
            show_report(folder, target)
            if readme is not None:
                update_readme(readme, folder)
        case [_]:
            raise UserError("--output is for several runs; name another RUN, or leave it out")
        case several:
            found = [run for each in several for run in collection.find_runs(each) or [each]]
            _show_several(found, output, relative_to, only_of_one=(readme, target))
    if index:
        console.print(f"{listed.write_index(RESULTS)}", soft_wrap=True)


def _show_several(
    folders: list[Path],
    output: Path | None,
    relative_to: str | None,
    only_of_one: tuple[object, ...],
) -> None:
    from bench.report.load import load_runs
    from bench.report.write import write_report

    if output is None:
        raise UserError("several runs make a report of their own: name its folder with --output")
    if any(each is not None for each in only_of_one):
        raise UserError("--readme and --target are of one run; leave them out")
    report = write_report(load_runs(folders), output, relative_to=relative_to)
    console.print(f"{report}", soft_wrap=True)


def implementations() -> None:
    """List the implementations, and whether their frameworks are installed."""
    from bench.cli import terminal

    console.print(terminal.implementations())


def machine(
    check: Annotated[bool, typer.Option("--check", help="Name what would disturb a run.")] = False,
    python: Pythons = None,
) -> None:
    """Say what machine this is, as the records will, and which frameworks see its GPUs."""
    from bench.cli import machine_lines as lines
    from bench.runner import plan
    from bench.runner.machine import describe
    from bench.runner.process import interpreters, preflight
    from bench.worker import gpu
    from bench.worker.machine import usable_cores

    pythons = interpreters.parse_options(python or ())
    for line in [*lines.facts(describe()), *lines.gpus(gpu.find_gpus())]:
        console.print(line, soft_wrap=True, markup=False)
    for case in plan.probe_cases("gpu", len(usable_cores())):
        reason = preflight.find_device_fault(interpreters.assign_python(case, pythons))
        console.print(lines.sight(case.framework, reason), soft_wrap=True, markup=False)
    if check:
        from bench.runner import machine as host

        found = host.find_disturbances()
        for line in found or ["nothing found that would disturb a run"]:
            console.print(line, soft_wrap=True, markup=False)
        raise typer.Exit(1 if found else 0)


def data(data: Data = None) -> None:
    """Say where the data are, and show them."""
    from bench.cli import preview
    from bench.data import dataset

    found = dataset.find(data)
    console.print(preview.facts(found), soft_wrap=True)
    console.print(preview.counts(found))
    console.print(preview.images(found, console.width if console.is_terminal else 80))
