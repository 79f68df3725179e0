"""``bench run --cluster``: the same plan, measured by the hosts of a Dask cluster."""

import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import typer

from bench.cli.console import print_line, print_page, print_progress, print_report, stdout
from bench.cli.progress import format_events, print_plan
from bench.data import dataset
from bench.errors import UserError
from bench.planning.plan import (
    NO_GPU,
    RESULTS,
    Placement,
    RunOptions,
    check_writable,
    make_run_name,
    plan_run,
)
from bench.planning.resume import list_repeated_options, read_plan
from bench.records import layout, store
from bench.records.schema import Run
from bench.report.load import load_runs
from bench.report.write import write_report
from bench.runner import cluster
from bench.runner.host import signals
from bench.runner.loop import Estimate
from bench.runner.process import preflight


def run_on_cluster(
    address: str,
    options: RunOptions,
    command: str,
    output: Path | None,
    *,
    each_host: bool,
    resume: bool,
    dry_run: bool,
) -> NoReturn:
    """Measure on the hosts of a cluster, then write the report."""
    if options.budget is not None or options.trace:
        raise UserError("--budget and --trace do not work with --cluster. Leave them out")
    if resume and output is None:
        raise UserError("--resume with --cluster needs the folder of the run. Add --output")
    base = output or RESULTS / make_run_name()[0]
    plans, data = [], options.data
    if resume:
        plans = _read_plans(base, options)
        data = plans[0][1].data_source
    else:
        check_writable(base)
        if layout.is_collection(base):
            raise UserError(f"{base} holds runs. Choose another --output, or add --resume")
    query = cluster.HostQuery(cluster.suite_version(), data, dataset.find(data).sha256)
    with ExitStack() as stack:
        client = stack.enter_context(cluster.connect(address))
        hosts, refusals = cluster.find_hosts(client, query)
        for line in refusals:
            print_line(line)
        plans = plans or _plan_runs(hosts.values(), options, command, base, each_host=each_host)
        runs = []
        for folder, plan in plans:
            workers = [key for key, host in hosts.items() if host["id"] == plan.machine]
            print_line(f"{folder}: machine {plan.machine}, {len(workers)} hosts")
            if dry_run:
                print_plan(plan)
                continue
            if not resume:
                store.create_run(folder, plan)
            stack.enter_context(store.lock_folder(folder))
            runs.append(cluster.MachineRun(folder, plan, query, workers))
        if dry_run:
            raise typer.Exit(0)
        lines = format_events(cluster.measure_runs(client, runs), Estimate())
        status = signals.run_until_signal(print_progress, stdout, lines)
    _report(runs, base, address, status)


def _read_plans(base: Path, options: RunOptions) -> list[tuple[Path, Run]]:
    """Return the runs to resume with their folders; raises UserError."""
    plans = []
    for folder in layout.find_runs(base) or [base]:
        plan = read_plan(folder, options)
        if plan.machine is None:
            raise UserError(f"{folder} was begun without --cluster. Leave --cluster out")
        plans.append((folder, plan))
    return plans


def _plan_runs(
    hosts: Collection[dict[str, Any]],
    options: RunOptions,
    command: str,
    base: Path,
    *,
    each_host: bool,
) -> list[tuple[Path, Run]]:
    """Plan a run for each machine, or for the one with most hosts. Raises UserError."""
    if not hosts:
        raise UserError("no host of the cluster can measure. See why above")
    if "gpu" in options.devices and not (each_host and "cpu" in options.devices):
        hosts = [host for host in hosts if host["gpus"]]
        if not hosts:
            raise UserError(NO_GPU)
    machines = {host["id"]: host for host in hosts}
    counts = Counter(host["id"] for host in hosts)
    plans, inspect = [], partial(preflight.inspect, variables=options.env)
    for machine, _ in counts.most_common(None if each_host else 1):
        facts = machines[machine]
        placement = Placement(facts["cores"], machine, bool(facts["gpus"]))
        folder = base / machine if each_host else base
        plans.append(plan_run(options, folder, command, placement, inspect))
    return plans


def _report(runs: Sequence[cluster.MachineRun], base: Path, address: str, status: int) -> NoReturn:
    """Write one report over all runs, say how to measure what is missing, and exit."""
    if [run.folder for run in runs] == [base]:
        loaded = [print_report(base)]
    else:
        loaded = load_runs(run.folder for run in runs)
        stdout.print()
        print_page(write_report(loaded, base))
    missing = sum(len(run.missing_trials) for run in runs)
    if missing:
        words = ["--resume", "--output", str(base), "--cluster", address]
        words += list_repeated_options(runs[0].run)
        print_line(f"{missing} trials are missing. Go on with {shlex.join(words)}")
    failed = any(run.failed for run in loaded)
    raise typer.Exit(status or (3 if missing or failed else 0))
