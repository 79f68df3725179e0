"""``bench submit``: give a run to the nodes of a cluster, wait for them, and write one report."""

import math
import os
import re
import select
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bench.cli import options
from bench.cli.console import print_line, quote_command, stdout
from bench.cli.live import Screen
from bench.cli.progress import name_round
from bench.cli.verbs.report import report
from bench.cli.verbs.run import run as measure
from bench.errors import UserError
from bench.planning.plan import Schedule
from bench.records import layout, store
from bench.report.base.load import load_run
from bench.report.base.numbers import format_wall_time
from bench.runner import cluster
from bench.runner.host.machine import SALT
from bench.runner.host.signals import Ending
from bench.runner.loop import Estimate
from bench.worker.machine import ROOT, fingerprint

option = options.measuring_option
STATE_SECONDS = 15.0  # a job on this host is hardly disturbed
COMPLETE = "complete"


def submit(
    arguments: Annotated[
        list[str], typer.Argument(metavar="-- ARGUMENTS", help="Arguments of softmax-bench run.")
    ],
    nodes: Annotated[int, option(metavar="N", min=1, help="Measure on N nodes.")] = 1,
    constraint: Annotated[
        str,
        option(metavar="NAME,NAME,…", help="Measure on --nodes nodes with each of these features."),
    ] = "",
    gpus: Annotated[int, option(metavar="N", min=0, help="Use N GPUs of each node.")] = 0,
    time: Annotated[
        float, options.duration("Requeue a job that takes longer than this. Default: 2h.")
    ] = 7200.0,
    slurm: Annotated[
        list[str] | None,
        option(
            metavar="NAME=VALUE",
            help="Add this option of sbatch, such as partition=gpu. Repeat it for several.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        options.files_option(
            metavar="DIR",
            help="Write to this folder, which all nodes see. Default: its own in results/.",
        ),
    ] = None,
) -> None:
    """Run a plan on the nodes of a cluster, and write one report over all of them.

    Ctrl-C ends this command, but not the jobs. The same command waits for them again, and submits
    again what ended too early. Without SLURM the jobs are processes of this host.
    """
    parser = typer.Typer()
    parser.command()(measure)
    run = typer.main.get_command(parser).make_context("run", [*arguments]).params
    if run["output"] or run["resume"] or run["dry_run"]:
        raise UserError("each node has --output and --resume of its own. Give --output before --")
    groups = {
        re.sub(r"\W+", "-", f"{group} {number}").strip("-"): group
        for group in constraint.split(",")
        for number in range(1, nodes + 1)
    }
    more = {name: value or True for name, _, value in (word.partition("=") for word in slurm or ())}
    output = output or store.RESULTS / f"submit-{fingerprint(quote_command())}"
    study = output.resolve()
    store.reject_used_folder(study)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {"PYTHONPATH": path, SALT: cluster.open_study(study, arguments)}
    states, again = cluster.list_states(study), list_again(run)
    for name, group in groups.items():
        if name not in states and not describe_end(study / name).startswith(COMPLETE):
            node = cluster.Node(study / name, arguments, again, variables)
            asked = {"constraint": group, **more} if group else more
            cluster.submit_job(node, math.ceil(time / 60), gpus, asked)
    with Ending() as ending:
        watch(study, groups)
    if ending.status:
        print_line("the jobs go on, and the same command waits for them again")
        raise typer.Exit(ending.status)
    if layout.find_runs(study):
        report([output])
    ends = {describe_end(study / name) for name in groups}
    raise typer.Exit(0 if ends == {COMPLETE} else 3)


def list_again(run: Mapping[str, Any]) -> list[str]:
    """Return the arguments that resume a run: what its plan does not say is given again."""
    files = [name for name in run["implementation"] or () if name.endswith(".py") or "/" in name]
    named = {"implementation": files, "python": run["python"], "env": run["env"]}
    named["data"] = [run["data"]] if run["data"] else []
    given = [f"--{name}={text}" for name, texts in named.items() for text in texts or ()]
    return ["--resume", *given]


def watch(study: Path, names: Collection[str]) -> None:
    """Show a line for each node, until all jobs have ended."""
    lines = dict.fromkeys(names, "")
    with Screen(stdout) as screen:
        while True:
            states, table = cluster.list_states(study), Table.grid(padding=(0, 2))
            for name, before in lines.items():
                lines[name] = describe_node(study / name, states.get(name))
                table.add_row(name, lines[name])
                if lines[name].partition(";")[0] != before.partition(";")[0]:
                    screen.show(f"{name}: {lines[name]}")
            if stdout.is_terminal:
                screen.show(table)
            if not states.keys() & lines.keys():
                return
            select.select([], [], [], STATE_SECONDS)


def describe_node(folder: Path, state: str | None) -> str:
    """Return what a node does; after a semicolon, what each trial changes. state: of its job."""
    if state is None:
        return describe_end(folder)
    if state != "RUNNING" or not (folder / layout.RUN_PLAN).exists():
        return {"PENDING": "queued", "RUNNING": "starts"}.get(state, state.lower())
    run, records = store.read_run(folder), store.read_contents(folder).records
    remaining = Schedule(run, records).remaining
    if not remaining:
        return "writes its report"
    if not (folder / layout.LOCK).exists():
        return "starts or ends, or waits for another run on its host"
    budget = run.budget and run.budget - sum(record.wall_seconds or 0 for record in records)
    left = Estimate(records).sum_seconds(remaining, budget)
    time = "an unknown time" if left is None else f"at most {format_wall_time(max(0, left))}"
    ended = sum(record.status != "interrupted" for record in records)
    total = ended + len(remaining)
    return f"{name_round(remaining[0])}; {ended} of {total} trials, {time} left"


def describe_end(folder: Path) -> str:
    """Return how a run ended; COMPLETE if no trial is missing or has failed."""
    if not (folder / layout.RUN_PLAN).exists():
        return f"ended before its run began; its log is in jobs/{folder.name}"
    run = load_run(folder)
    if run.missing_count:
        return f"ended; {run.missing_count} trials are missing"
    return f"{COMPLETE}, but trials have failed" if run.failed_count else COMPLETE
