"""``bench check``: prove that implementations do the same mathematics, and keep the contract."""

from typing import Annotated

import typer

from bench.cli.console import RUNS, Data, Device, Pythons, Seed, Threads, Timeout, console, host


def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME|FILE", help=RUNS)] = None,
    device: Device = "cpu",
    threads: Threads = None,
    timeout: Timeout = 300,
    seed: Seed = 42,
    data: Data = None,
    python: Pythons = None,
) -> None:
    """Prove that implementations (all of them, if none is named) do the same mathematics."""
    from bench.cli import options, terminal
    from bench.runner.parity import conformance as checks

    given = options.Given(
        tuple(names or ()),
        device=device,
        threads=threads,
        timeout=timeout,
        seed=seed,
        data=data,
        pythons=tuple(python or ()),
    )
    cases, examiner = options.examination(given)
    failed = []
    with host():
        for case in cases:
            found = []
            for finding in examiner.examine(case):
                found.append(finding)
                console.print(terminal.finding(case, finding), soft_wrap=True)
            failed += [] if checks.has_passed(found) else [case.implementation]
    console.print(terminal.verdict(cases, failed), soft_wrap=True)
    raise typer.Exit(1 if failed else 0)
