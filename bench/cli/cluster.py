"""``bench run --cluster``: the same plan, measured by the hosts of a Dask cluster."""

import shlex
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from bench.cli.console import print_line, print_report, stdout
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.records.schema import Run
    from bench.runner.cluster.client import MachineRun
    from bench.runner.cluster.task import HostInfo
    from bench.runner.plan import RunOptions


def run_on_cluster(
    address: str,
    options: "RunOptions",
    command: str,
    output: Path | None,
    *,
    each_host: bool,
    resume: bool,
    dry_run: bool,
) -> NoReturn:
    """Measure on the hosts of a cluster, then write the report."""
    from bench.data import dataset
    from bench.records import collection, store
    from bench.runner import signals
    from bench.runner.cluster.client import MachineRun, connect, find_hosts, measure_runs
    from bench.runner.cluster.task import HostQuery, suite_version
    from bench.runner.plan import RESULTS, check_writable, make_run_name
    from bench.runner.resume import find_newest_run

    if resume:
        base = output or find_newest_run(clustered=True)
        plans = _read_plans(base, options)
        name = plans[0][1].data
    else:
        base = output or RESULTS / make_run_name()[0]
        check_writable(base)
        if collection.is_collection(base):
            raise UserError(f"{base} holds runs; choose another --output, or add --resume")
        plans, name = [], options.data
    query = HostQuery(suite_version(), name, dataset.find(name).sha256)
    with ExitStack() as locks:
        with connect(address) as client:
            hosts, refusals = find_hosts(client, query)
            for line in refusals:
                print_line(line)
            if not resume:
                plans = _plan(list(hosts.values()), options, command, base, each_host=each_host)
            if dry_run:
                _print_plans(plans, list(hosts.values()))
                raise typer.Exit(0)
            runs = []
            for folder, plan in plans:
                if not resume:
                    store.create_run(folder, plan)
                locks.enter_context(store.lock_folder(folder))
                workers = [key for key, host in hosts.items() if host.machine == plan.machine]
                if not workers:
                    print_line(f"{folder}: no host of its machine {plan.machine} is connected")
                runs.append(MachineRun(folder, plan, query, workers))
            status = signals.run_until_signal(_print_events, measure_runs(client, runs))
        _report(runs, base, address, status)


def _read_plans(base: Path, options: "RunOptions") -> "list[tuple[Path, Run]]":
    """Return the runs to resume with their folders, one per machine; raises UserError."""
    from bench.records import collection
    from bench.runner.resume import read_plan

    plans = [
        (folder, read_plan(folder, options.implementations, options.pythons, options.data))
        for folder in collection.find_runs(base) or [base]
    ]
    for folder, planned in plans:
        if planned.machine is None:
            raise UserError(f"{folder} was begun without --cluster; leave that out")
    if len({planned.machine for _, planned in plans}) < len(plans):
        raise UserError(f"{base} has several runs of one machine; go on with each by itself")
    return plans


def _plan(
    hosts: "Sequence[HostInfo]",
    options: "RunOptions",
    command: str,
    base: Path,
    *,
    each_host: bool,
) -> "list[tuple[Path, Run]]":
    """Plan a run for each machine, or for the one with most hosts.

    Raises UserError if there is no host, if none has the GPU that is asked for, or if nothing can
    be planned.
    """
    from bench.runner.plan import NO_GPU, Placement, plan_run

    if not hosts:
        raise UserError("no host of the cluster can measure; see why above")
    if not each_host and "gpu" in options.devices:
        hosts = [host for host in hosts if host.gpu]
    machines = Counter(host.machine for host in hosts).most_common(None if each_host else 1)
    plans, errors = [], [NO_GPU]
    for machine, _ in machines:
        host = next(host for host in hosts if host.machine == machine)
        folder = base / machine if each_host else base
        try:
            placement = Placement(host.cores, machine, host.gpu)
            plans.append(plan_run(options, folder, command, placement))
        except UserError as error:
            errors.append(str(error))
            print_line(f"machine {machine}: {error}")
    if not plans:
        raise UserError(errors[-1])
    return plans


def _print_plans(plans: "Sequence[tuple[Path, Run]]", hosts: "Sequence[HostInfo]") -> None:
    from bench.cli import terminal

    for folder, plan in plans:
        names = [host.hostname for host in hosts if host.machine == plan.machine]
        print_line(f"{folder}, machine {plan.machine}, hosts: {', '.join(names) or 'none'}")
        stdout.print(terminal.plan_table(plan))


def _print_events(events: "Iterator[object]") -> None:
    from bench.cli import terminal
    from bench.runner.loop import TrialEnded

    for event in events:
        if isinstance(event, TrialEnded):
            print_line(terminal.format_end(event.record, event.number, event.total))
        else:
            print_line(str(event))


def _report(runs: "Sequence[MachineRun]", base: Path, address: str, status: int) -> NoReturn:
    """Write one report over all runs, say how to measure what is missing, and exit."""
    from bench.report.load import load_runs
    from bench.report.write import write_report
    from bench.runner.resume import repeated_options

    if [run.folder for run in runs] == [base]:
        loaded = [print_report(base)]
    else:
        loaded = load_runs(run.folder for run in runs)
        print_line(f"\n{write_report(loaded, base)}")
    incomplete = [run for run in runs if run.incomplete]
    if incomplete:
        words = ["--resume", "--output", str(base), "--cluster", address]
        words += repeated_options(incomplete[0].run)
        count = sum(run.progress.remaining for run in incomplete)
        text = f"{count} trials are missing; go on with {shlex.join(words)}"
        print_line(text)
    failed = any(run.failed for run in loaded)
    raise typer.Exit(status or (3 if incomplete or failed else 0))
