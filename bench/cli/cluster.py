"""``bench run --cluster``: the same plan, measured by the hosts of a Dask cluster."""

import shlex
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from bench.cli.console import print_line, print_report, stdout
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.schema import Run
    from bench.runner.cluster.hosts import Cluster
    from bench.runner.cluster.loop import MachineRun
    from bench.runner.cluster.task import HostInfo
    from bench.runner.planning import RunOptions


@dataclass(slots=True)
class Session:
    """One command. base: the run's folder, or that of the runs of several machines.

    patience: seconds to wait for hosts. runs: by machine id; locks: of their folders.
    """

    address: str
    options: "RunOptions"
    command: str
    base: Path
    each_host: bool
    patience: float
    runs: "dict[str, MachineRun]" = field(default_factory=dict)
    locks: ExitStack = field(default_factory=ExitStack)

    def plan(self, hosts: "Sequence[HostInfo]") -> "tuple[Path, Run]":
        """Plan the run of hosts of one machine; raises UserError."""
        from bench.runner.planning import Placement, plan_run

        host = hosts[0]
        folder = self.base / host.machine if self.each_host else self.base
        placement = Placement(host.cores, host.machine, host.gpu)
        return plan_run(self.options, folder, self.command, placement)

    def begin(self, hosts: "Sequence[HostInfo]") -> None:
        """Begin the run of hosts of one machine; raises UserError if they are not to measure."""
        from bench.records import store

        if self.runs and not self.each_host:
            raise UserError(f"this run is not measured on its machine, {hosts[0].name}")
        folder, run = self.plan(hosts)
        store.create_run(folder, run)
        self.add(folder, run)

    def add(self, folder: Path, run: "Run") -> None:
        """Take in a run and lock its folder; raises UserError."""
        from bench.data import dataset
        from bench.records import store
        from bench.runner.cluster.loop import MachineRun

        self.locks.enter_context(store.lock_folder(folder))
        self.runs[run.machine or ""] = MachineRun(folder, run, dataset.find(run.data).sha256)

    def follow(self, cluster: "Cluster", *, dry_run: bool) -> None:
        """Have hosts measure, and print what happens; of a dry run print the plans only."""
        from bench.cli import terminal
        from bench.runner.cluster.loop import measure_runs, wait_for_hosts

        if not self.runs:
            for line in wait_for_hosts(cluster, self.patience):
                print_line(line)
            machines = self._machines(list(cluster.hosts.values()))
            if dry_run:
                self._show_plans(machines)
                return
            if not self.each_host:
                self.begin(machines[0])
        for event in measure_runs(cluster, self.runs, self.begin, self.patience):
            if isinstance(event, str):
                print_line(event)
            else:
                print_line(terminal.format_end(event.record, event.number, event.total))
        if not self.runs:
            raise UserError("no host can measure this; the lines above say why")

    def _show_plans(self, machines: "Sequence[Sequence[HostInfo]]") -> None:
        from bench.cli import terminal

        for hosts in machines:
            print_line(f"machine {hosts[0].machine}:")
            try:
                stdout.print(terminal.plan_table(self.plan(hosts)[1]))
            except UserError as error:
                print_line(f"not measured: {error}")

    def _machines(self, hosts: "list[HostInfo]") -> "list[list[HostInfo]]":
        """Group hosts by machine; without ``--each-host`` choose the machine with most hosts.

        Raises UserError if a GPU is asked for and no host has one.
        """
        from bench.runner.planning import NO_GPU

        if not self.each_host and "gpu" in self.options.devices:
            hosts = [host for host in hosts if host.gpu]
        if not hosts:
            raise UserError(NO_GPU)
        counts = Counter(host.machine for host in hosts).most_common(None if self.each_host else 1)
        return [[host for host in hosts if host.machine == machine] for machine, _ in counts]

    def report(self, status: int) -> NoReturn:
        """Write the report of each run and, of several, one over all; exit."""
        from bench.report.load import load_run, load_runs
        from bench.report.write import write_report
        from bench.runner import resume

        folders = [run.folder for run in self.runs.values()]
        if folders == [self.base]:
            failed = [print_report(self.base).failed]
        else:
            runs = [load_run(folder) for folder in folders]
            failed = [run.failed for run in runs]
            for run in runs:
                write_report([run])
            print_line(f"\n{write_report(load_runs(folders), self.base)}")
        if missing := [run for run in self.runs.values() if run.incomplete]:
            flags = [
                "--resume",
                "--output",
                str(self.base),
                "--cluster",
                self.address,
                *resume.repeated_options(missing[0].run),
            ]
            count = sum(run.progress.remaining for run in missing)
            text = f"{count} trials are missing; go on with {shlex.join(flags)}"
            print_line(text)
        raise typer.Exit(status or (3 if missing or any(failed) else 0))


def _stored(base: Path, options: "RunOptions") -> "list[tuple[Path, Run]]":
    """Return the runs to go on with, at most one a machine; raises UserError."""
    from bench.records import collection
    from bench.runner.resume import read_plan

    stored = [
        (folder, read_plan(folder, options.implementations, options.pythons, options.data))
        for folder in collection.find_runs(base) or [base]
    ]
    for folder, run in stored:
        if run.machine is None:
            raise UserError(f"{folder} was begun without --cluster; leave that out")
    if len({run.machine for _, run in stored}) < len(stored):
        raise UserError(f"{base} has several runs of one machine; go on with each by itself")
    return stored


def run_on_cluster(
    address: str,
    options: "RunOptions",
    command: str,
    output: Path | None,
    *,
    each_host: bool,
    patience: float,
    resume: bool,
    dry_run: bool,
) -> NoReturn:
    """Measure on the hosts of a cluster, then write the report."""
    from bench.cli import terminal
    from bench.records import collection
    from bench.runner import planning, signals
    from bench.runner.cluster import hosts
    from bench.runner.resume import find_newest_run

    stored = []
    if resume:
        base = output or find_newest_run(clustered=True)
        stored = _stored(base, options)
    else:
        base = output or planning.RESULTS / planning.new_run_name()[0]
        planning.check_writable(base)
        if collection.is_collection(base):
            raise UserError(f"{base} holds runs; choose another --output, or add --resume")
    if resume and dry_run:
        for folder, planned in stored:
            print_line(f"{folder}, machine {planned.machine}:")
            stdout.print(terminal.plan_table(planned))
        raise typer.Exit(0)
    session = Session(address, options, command, base, each_host and not resume, patience)
    with session.locks:
        for folder, planned in stored:
            session.add(folder, planned)
        with hosts.connect(address) as cluster:
            status = signals.run_until_signal(lambda: session.follow(cluster, dry_run=dry_run))
        if session.runs:
            session.report(status)
    raise typer.Exit(status)
