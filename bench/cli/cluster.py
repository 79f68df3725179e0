"""``bench run --cluster``: the same plan, measured by the hosts of a Dask cluster."""

import shlex
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from bench.cli.console import console, show_report
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.cli.options import Given
    from bench.records.schema import Run
    from bench.runner.cluster.hosts import Cluster
    from bench.runner.cluster.loop import MachineRun


def run(
    address: str,
    given: "Given",
    command: str,
    output: Path | None,
    *,
    each_host: bool,
    patience: float,
    resume: bool,
    dry_run: bool,
) -> NoReturn:
    """Measure on the hosts of a cluster, then write the report. patience: seconds."""
    from bench.cli import options
    from bench.data import dataset
    from bench.records import collection, store
    from bench.runner import signals
    from bench.runner.cluster.hosts import connect
    from bench.runner.cluster.loop import MachineRun, measure_runs

    if resume:
        base = output or options.newest(clustered=True)
        plans = _read_plans(base, given)
        if dry_run:
            _print_plans(plans)
            raise typer.Exit(0)
    else:
        base = output or options.RESULTS / options.fresh_name()[0]
        options.writable(base)
        if collection.is_collection(base):
            raise UserError(f"{base} holds runs; choose another --output, or add --resume")
        plans = []
    runs: list[MachineRun] = []

    def measure(cluster: "Cluster", locks: ExitStack) -> None:
        if not resume:
            plans.extend(_plan(cluster, given, command, base, each_host, patience))
        if dry_run:
            _print_plans(plans)
            return
        for folder, planned in plans:
            if not resume:
                store.create(folder, planned)
            locks.enter_context(store.lock(folder))
            runs.append(MachineRun(folder, planned, dataset.find(planned.data).sha256))
        _print_events(measure_runs(cluster, runs, patience))

    with ExitStack() as locks:
        with connect(address) as cluster:
            status = signals.run_until_signal(measure, cluster, locks)
        if runs:
            _report(runs, base, address, status)
    raise typer.Exit(status)


def _read_plans(base: Path, given: "Given") -> "list[tuple[Path, Run]]":
    """Return the runs to resume with their folders, one a machine; raises UserError."""
    from bench.cli import options
    from bench.records import collection

    plans = [options.resumed(folder, given) for folder in collection.runs(base) or [base]]
    for folder, planned in plans:
        if planned.machine is None:
            raise UserError(f"{folder} was begun without --cluster; leave that out")
    if len({planned.machine for _, planned in plans}) < len(plans):
        raise UserError(f"{base} has several runs of one machine; go on with each by itself")
    return plans


def _plan(
    cluster: "Cluster",
    given: "Given",
    command: str,
    base: Path,
    each_host: bool,  # noqa: FBT001 - passed on
    patience: float,
) -> "list[tuple[Path, Run]]":
    """Wait for hosts; plan a run for each machine, or for the one with most hosts.

    Raises UserError if no host joins, if none has the GPU that is asked for, or if nothing can be
    planned.
    """
    from bench.cli import options
    from bench.runner.cluster.loop import wait_for_hosts

    _print_events(wait_for_hosts(cluster, patience))
    hosts = list(cluster.hosts.values())
    if not each_host and "gpu" in options.devices_of(given, gpu=True):
        hosts = [host for host in hosts if host.gpu]
    machines = Counter(host.machine for host in hosts).most_common(None if each_host else 1)
    plans, errors = [], [options.NO_GPU]
    for machine, _ in machines:
        host = next(host for host in hosts if host.machine == machine)
        where = options.Where(host.cores, machine, host.gpu)
        folder = base / machine if each_host else base
        try:
            plans.append(options.planned(folder, given, command, where))
        except UserError as error:
            errors.append(str(error))
            console.print(f"machine {machine}: {error}", soft_wrap=True, markup=False)
    if not plans:
        raise UserError(errors[-1])
    return plans


def _print_plans(plans: "Sequence[tuple[Path, Run]]") -> None:
    from bench.cli import terminal

    for folder, planned in plans:
        console.print(f"{folder}, machine {planned.machine}:", soft_wrap=True, markup=False)
        console.print(terminal.plan(planned))


def _print_events(events: "Iterator[object]") -> None:
    from bench.cli import terminal
    from bench.runner.loop import TrialEnded

    for event in events:
        if isinstance(event, TrialEnded):
            console.print(terminal.ended(event.record, event.number, event.total))
        else:
            console.print(str(event), soft_wrap=True, markup=False)


def _report(runs: "Sequence[MachineRun]", base: Path, address: str, status: int) -> NoReturn:
    """Write one report over all runs, say how to measure what is missing, and exit."""
    from bench.report.load import load_runs
    from bench.report.write import write_report
    from bench.runner.resume import repeated_options

    if [run.folder for run in runs] == [base]:
        loaded = [show_report(base)]
    else:
        loaded = load_runs(run.folder for run in runs)
        console.print(f"\n{write_report(loaded, base)}", soft_wrap=True)
    incomplete = [run for run in runs if run.incomplete]
    if incomplete:
        words = ["--resume", "--output", str(base), "--cluster", address]
        words += repeated_options(incomplete[0].run)
        count = sum(run.progress.remaining for run in incomplete)
        text = f"{count} trials are missing; go on with {shlex.join(words)}"
        console.print(text, soft_wrap=True, markup=False)
    failed = any(run.failed for run in loaded)
    raise typer.Exit(status or (3 if incomplete or failed else 0))
