"""``bench check``: check that implementations do the same mathematics and keep the contract."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from bench.cli import options
from bench.cli.console import print_line
from bench.cli.live import await_host
from bench.data import dataset
from bench.errors import UserError
from bench.planning.cases import assign_python, find_implementation
from bench.records.layout import find_runs
from bench.records.schema import Case
from bench.report.base import numbers
from bench.report.base.load import load_run
from bench.runner import conformance
from bench.runner.conformance import Finding
from bench.runner.parity.stored import check_run
from bench.runner.process import preflight
from bench.runner.process.spec import parse_env
from bench.worker.machine import list_usable_cores
from implementations import IMPLEMENTATIONS, MANY


def check(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|FILE|RUN",
            help="Check these implementations or your own files, whose code runs with your rights; "
            "or compute the parity of stored runs again from their params, and look for paths and "
            "addresses in their files. Default: all implementations.",
            autocompletion=options.complete_implementation,
        ),
    ] = None,
    device: options.Device = "cpu",
    timeout: options.Timeout = 300,
    python: options.Pythons = None,
    env: options.Env = None,
    data: options.Data = None,
) -> None:
    """Check that implementations compute the same as the oracle, or check stored runs again."""
    chosen = dict.fromkeys(names or (entry.name for entry in (*IMPLEMENTATIONS, *MANY)))
    folders = {name: find_runs(Path(name)) for name in chosen}
    if any(folders.values()):
        if not all(folders.values()):
            raise UserError("check either runs or implementations. Leave out the others")
        options.refuse_others(ctx, "stored runs are not measured again", {"names", "--data"})
        check_runs([folder for runs in folders.values() for folder in runs], data)
    pythons = preflight.parse_options(python or ())
    variables = parse_env(env or (), [device], chosen)
    inspect = partial(preflight.inspect, variables=variables)
    cases = [assign_python(find_implementation(name, inspect), pythons) for name in chosen]
    cases = [msgspec.structs.replace(case, env=variables) for case in cases]
    checker = conformance.Checker(
        [dataset.find(source) for source in dict.fromkeys(("digits", data))],
        threads=len(list_usable_cores()),
        timeout=timeout,
        device=device,
    )
    failed = []
    with await_host():
        for case in cases:
            findings = []
            for finding in checker.check(case):
                findings.append(finding)
                print_line(format_finding(case, finding))
            if not conformance.has_passed(findings):
                failed.append(case.implementation)
    passed = [case.implementation for case in cases if case.implementation not in failed]
    print_line("")
    if passed:
        print_line(f"passes: {', '.join(passed)}")
    if failed:
        print_line(f"FAILS: {', '.join(failed)}")
    raise typer.Exit(1 if failed else 0)


def check_runs(folders: Sequence[Path], data: str | None) -> NoReturn:
    """Check stored runs, print a line for each fault, and exit."""
    failed = False
    for folder in folders:
        checked = check_run(folder, data)
        faults = checked.faults
        if missing := load_run(folder).missing_count:
            faults.append(f"planned trials missing: {missing}. Measure them with --resume")
        for fault in faults:
            print_line(f"{folder}: {fault}")
        again = "without params, so no parity was computed again"
        if checked.judged:
            again = f"parity of {checked.judged} of {checked.total} rows computed again"
        plural = "" if len(faults) == 1 else "s"
        print_line(f"{folder}: {again}; {len(faults)} fault{plural}")
        failed = failed or bool(faults)
    raise typer.Exit(1 if failed else 0)


def format_finding(case: Case, finding: Finding) -> str:
    """Return the line of one finding."""
    size = f"{finding.workload:<8}  {finding.device}  batch {finding.batch_size:>6,}"
    if finding.status == "ok":
        result = f"{'ok':<11}  parity error {numbers.format_error(finding.error)}"
    else:
        result = f"{finding.status:<11}  {finding.reason}"
    return f"{case.implementation:<22}  {finding.data:<13}  {size}  {result}"
