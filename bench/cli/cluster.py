"""``bench run --cluster``: the same, measured by the hosts of a Dask cluster."""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from bench.cli.console import console, show_report
from bench.error import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.cli.options import Given, Where
    from bench.cluster.client import Client
    from bench.cluster.hosts import Host, Hosts
    from bench.cluster.run import Event
    from bench.dataset import Dataset
    from bench.result import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a cluster. patience: seconds that hosts are waited for."""

    address: str
    given: "Given"
    command: str
    output: Path | None
    each_host: bool
    patience: float
    dry_run: bool


@dataclass(slots=True)
class Runs:
    """The runs that hosts measure, by machine: one that was chosen, or one for each.

    short: some trials could not be made.
    """

    asked: Asked
    base: Path
    found: dict[str, tuple[Path, "Run"]] = field(default_factory=dict)
    short: bool = False

    @property
    def data(self) -> str | None:
        """What ``--data`` said, or the plan of those that are gone on with."""
        return next((run.data for _, run in self.found.values()), self.asked.given.data)

    def begin(self, hosts: "Sequence[Host]") -> "tuple[Path, Run] | None":
        """Return the run of some hosts' machine; where each has one, it is planned now."""
        from bench import store
        from bench.cli import options
        from bench.cluster import choice

        machine = hosts[0].machine
        if self.asked.each_host and machine not in self.found:
            folder, run = options.planned(
                self.base / machine, self.asked.given, self.asked.command, choice.where(hosts)
            )
            store.create(folder, run)
            self.found[machine] = folder, run
        return self.found.get(machine)

    def tell(self, event: "Event") -> None:
        """Print what happened."""
        from bench.cli import terminal
        from bench.cluster.run import Over

        self.short |= isinstance(event, Over)
        console.print(terminal.of_cluster(event), soft_wrap=True)


def run(asked: Asked, *, resume: bool) -> NoReturn:
    """Measure on the hosts of a cluster, then write the report."""
    from bench import dataset, stop
    from bench.cli import terminal
    from bench.cluster import client

    runs = _resumed(asked) if resume else _new(asked)
    if resume and asked.dry_run:
        for folder, planned in runs.found.values():
            console.print(f"{folder}, machine {planned.machine}:", soft_wrap=True, markup=False)
            console.print(terminal.plan(planned))
        raise typer.Exit(0)
    data = dataset.find(runs.data)
    with client.connected(asked.address) as connection:
        status = stop.run_until_signal(_follow, connection, runs, data)
    if asked.dry_run or not runs.found:
        raise typer.Exit(status)
    _report(runs, status)


def _new(asked: Asked) -> Runs:
    """Begin with no run; raises UserError where the folder for them holds some already."""
    from bench import collection
    from bench.cli import options

    base = asked.output or options.RESULTS / options.fresh_name()[0]
    options.writable(base)
    if collection.is_collection(base):
        raise UserError(f"{base} holds runs; choose another --output, or add --resume")
    return Runs(asked, base)


def _resumed(asked: Asked) -> Runs:
    """Go on with a run, or with all that a folder holds; raises UserError."""
    from bench import collection
    from bench.cli import options

    base = asked.output or options.newest(clustered=True)
    runs = Runs(replace(asked, each_host=False), base)
    for each in collection.runs(base) or [base]:
        folder, run = options.resumed(each, asked.given)
        if run.machine is None:
            raise UserError(f"{folder} was begun without --cluster; leave that out")
        if runs.found and (run.machine in runs.found or run.data != runs.data):
            first, _ = next(iter(runs.found.values()))
            raise UserError(
                f"{first} and {folder} have one machine or other data; go on with each by itself"
            )
        runs.found[run.machine] = folder, run
    return runs


def _follow(connection: "Client", runs: Runs, data: "Dataset") -> None:
    """Have hosts measure, and tell of all that happens."""
    from bench.cluster import there
    from bench.cluster.client import LostError
    from bench.cluster.errand import Question, data_of
    from bench.cluster.hosts import Hosts, meet
    from bench.cluster.run import perform

    asked = runs.asked
    hosts = Hosts(connection, Question(there.suite(), data_of(data, runs.data)))
    try:
        if not runs.found:
            for event in meet(hosts, asked.patience):
                runs.tell(event)
            _plan(runs, hosts)
    except LostError:
        raise UserError(f"the scheduler at {asked.address} is gone; start it again") from None
    if not asked.dry_run:
        for happened in perform(hosts, list(runs.found.values()), runs.begin, data, asked.patience):
            runs.tell(happened)
        if not runs.found:
            raise UserError("no host can measure that; see above why, and ask for something else")


def _plan(runs: Runs, hosts: "Hosts") -> None:
    """Plan what hosts measure now that they are known; of a dry run show it, and no more."""
    from bench import store
    from bench.cli import options
    from bench.cluster import choice

    asked, there = runs.asked, list(hosts.there.values())
    if asked.each_host:
        if asked.dry_run:
            _show(runs, map(choice.where, choice.machines(there).values()))
        return  # each is planned with its first host
    where = choice.one(there, asked.given)
    if asked.dry_run:
        _show(runs, [where])
        return
    folder, run = options.planned(runs.base, asked.given, asked.command, where)
    store.create(folder, run)
    runs.found[where.machine or ""] = folder, run


def _show(runs: Runs, places: "Iterable[Where]") -> None:
    """Print what would be measured on each machine, or why nothing."""
    from bench.cli import options, terminal

    for where in places:
        console.print(f"machine {where.machine}:")
        try:
            _, run = options.planned(runs.base, runs.asked.given, runs.asked.command, where)
        except UserError as error:
            console.print(f"nothing: {error}", soft_wrap=True, markup=False)
        else:
            console.print(terminal.plan(run))


def _report(runs: Runs, status: int) -> NoReturn:
    """Write the report of each run and, of several, the one that has them side by side."""
    from bench.report import load, several_files, write

    folders = [folder for folder, _ in runs.found.values()]
    if folders == [runs.base]:
        found = [show_report(runs.base)]
    else:
        found = [load.load(folder) for folder in folders]
        for folder in folders:
            write.write(folder)
        console.print(f"\n{several_files.write(folders, runs.base)}", soft_wrap=True)
    if status or runs.short:
        console.print(_how_to_go_on(runs), soft_wrap=True, markup=False)
    raise typer.Exit(status or (3 if runs.short or any(each.failed for each in found) else 0))


def _how_to_go_on(runs: Runs) -> str:
    from bench import trusted

    flags = next((trusted.flags(run) for _, run in runs.found.values()), [])
    named = ["--resume", "--output", str(runs.base), "--cluster", runs.asked.address, *flags]
    return f"not all was measured; go on with {shlex.join(named)}"
