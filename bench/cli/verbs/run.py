"""``bench run``: measure, then write the report."""

import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NoReturn, cast

import typer

from bench.cli import options
from bench.cli.console import print_line, quote_command, stdout
from bench.cli.live import Screen, await_host
from bench.cli.progress import RunProgress, print_plan
from bench.cli.results import print_report, print_sharing
from bench.data import dataset
from bench.errors import UserError
from bench.planning import resume as resuming
from bench.planning.plan import Host, RunOptions, plan_run
from bench.records import store
from bench.records.schema import MAX_EPOCHS, MAX_INT, MAX_ROUNDS, Run
from bench.runner import loop
from bench.runner.host.machine import read_usable_memory
from bench.runner.host.signals import Ending
from bench.runner.lock import open_host_lock
from bench.runner.parity.stored import check_run
from bench.runner.process import preflight
from bench.runner.process.spec import parse_env
from bench.worker.machine import list_usable_cores

# What a command that resumes a run may name; the plan has everything else.
RESUME_OPTIONS = {"--resume", "--dry-run", "--output", "--data"}
RESUME_OPTIONS |= {"--implementation", "--python", "--env"}


def run(
    ctx: typer.Context,
    implementation: options.ImplementationsOrFiles = None,
    workload: Annotated[
        list[options.Names] | None,
        options.cases_option(
            metavar="sgd|textbook|many|many-N",
            parser=options.parse_workloads,
            help="Measure this workload: minibatch training as in this suite (sgd) or as in the "
            "textbook, or N models with learning rates of their own over the same batches (many-N; "
            "many stands for 1, 10 and 100). Default: first sgd, then textbook.",
        ),
    ] = None,
    device: Annotated[
        options.Names,
        options.cases_option(
            metavar="cpu|gpu|cpu,gpu",
            parser=options.parse_devices,
            help="Compute on this device, or on both.",
        ),
    ] = "cpu",  # type: ignore[assignment]  # Typer parses it
    batch_size: Annotated[
        options.Numbers | None,
        options.cases_option(
            metavar="N,N,…",
            parser=options.parse_numbers,
            help="Use this number of images per training step. Several numbers are measured one "
            "after another. Default: the workload's.",
        ),
    ] = None,
    threads: Annotated[
        options.Numbers | None,
        options.cases_option(
            metavar="N,all,…",
            parser=options.parse_threads,
            help="Compute with this number of threads, or with several such as 1,all. Default: "
            "one, and all where two processes of a row are faster with them.",
        ),
    ] = None,
    samples: Annotated[
        options.Numbers | None,
        options.cases_option(
            metavar="N,N,…",
            parser=options.parse_numbers,
            help="Train on this number of images per epoch, or on each of several numbers. If it "
            "exceeds the data set, images are repeated. Default: all training images.",
        ),
    ] = None,
    preset: Annotated[
        options.PresetName,
        options.cases_option(
            help="Measure with the values of this preset, which the other options override one by "
            "one: docs/presets.csv has them as a table.",
        ),
    ] = "default",
    quick: Annotated[
        bool,
        options.cases_option(
            "--quick",
            help="The preset quick: every program once, with one thread, in 2 to 4 minutes. With "
            "--workload textbook, run the textbook's two programs, too.",
        ),
    ] = False,
    layers: Annotated[
        bool,
        options.cases_option(
            "--layers",
            help="The preset layers: also measure libraries on top of frameworks, such as Optax, "
            "Flax NNX and Lightning, and the frameworks MLX and tinygrad, with one thread. The "
            "first workload is measured at batch size 128, too, to separate the fixed cost of a "
            "step from the cost of its images. The extra layers installs them.",
        ),
    ] = False,
    sweep: Annotated[
        bool,
        options.cases_option(
            "--sweep",
            help="Measure other batch sizes too, except for programs that only --layers adds.",
        ),
    ] = False,
    no_roofline: Annotated[
        bool,
        options.cases_option(
            "--no-roofline",
            help="Do not measure the machine's arithmetic and memory rates, which bound an "
            "epoch's time.",
        ),
    ] = False,
    epochs: Annotated[
        int | None,
        options.measuring_option(
            metavar="N",
            min=1,
            max=MAX_EPOCHS,
            help="Train this many epochs in a row in each process, and time them or as many "
            "others. Default: five, and from a row's second process on two after the first.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        options.measuring_option(
            metavar="N",
            min=1,
            max=MAX_ROUNDS,
            help="Measure each row in exactly this many fresh processes of equally many epochs, "
            "without a budget. Default: as the budget allows, 3 to 5 processes for the first "
            "workload and 3 for the second. After 3, a row is complete if it differs from its "
            "neighbours in the ranking with certainty, or if its interval is within 5 %.",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        options.duration(
            "Once each row has a process, start none that would exceed this time, such as 90s, 10m "
            "or 2h. Default for each device: 10m, with --layers 30m, and none with --quick, "
            "--rounds or --sweep."
        ),
    ] = None,
    timeout: options.Timeout = 600,
    seed: Annotated[
        int | None,
        options.measuring_option(
            metavar="N",
            min=0,
            max=MAX_INT,
            help="Draw sample orders and initial weights from this seed, so that a run can be "
            "repeated. Default: new ones each round, which no implementation can know.",
        ),
    ] = None,
    python: options.Pythons = None,
    env: options.Env = None,
    data: options.Data = None,
    output: options.Output = None,
    resume: Annotated[
        bool,
        options.files_option(
            "--resume",
            help="Go on with the run in --output, or with the newest one in results/.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        options.files_option(
            "--dry-run",
            help="Measure nothing: print the cases and how long they would take.",
        ),
    ] = False,
) -> None:
    """Measure implementations and write a report."""
    if resume:
        reason = "--resume goes on with the plan of the run"
        options.refuse_others(ctx, reason, RESUME_OPTIONS)
    chosen = {name for name, given in (("quick", quick), ("layers", layers)) if given}
    chosen |= {preset} - {"default"}
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(sorted(chosen))} are presets. Choose one of them")
    devices = cast('tuple[Literal["cpu", "gpu"], ...]', device)  # the parser knows no others
    request = RunOptions(
        preset=next(iter(chosen), "default"),
        implementations=tuple(implementation or ()),
        workloads=options.join_names(workload),
        devices=devices,
        batch_sizes=batch_size or (),
        threads=threads or (),
        samples=samples or (),
        epochs=epochs,
        rounds=rounds,
        timeout=timeout,
        seed=seed,
        sweep=sweep,
        roofline=not no_roofline,
        data=data,
        budget=budget,
        pythons=preflight.parse_options(python or ()),
        env=parse_env(env or (), () if resume else devices, implementation or ()),
    )
    folder, plan = _plan(request, output, resume=resume)
    if dry_run:
        print_plan(plan)
        return
    images = dataset.find(plan.data_source)
    open_host_lock()  # may raise UserError, before anything is written
    if not resume:
        store.create_run(folder, plan)
    faults: list[str] = []
    progress = RunProgress(loop.Estimate(loop.read_earlier_records(folder.parent)), folder)
    with (
        Ending() as ending,
        await_host(),
        Screen(stdout) as screen,
        closing(loop.measure_run(folder, plan, images)) as events,
    ):
        for event in events:
            for line in progress.format(event):
                screen.show(line)
        if plan.preset == "share":
            screen.show("computing parity again from the params of all trials")
            faults = check_run(folder, data).faults
    _end(folder, plan, ending.status, faults)


def _plan(request: RunOptions, output: Path | None, *, resume: bool) -> tuple[Path, Run]:
    """Return the folder and the plan of a new run, or of the one that is resumed."""
    if resume:
        folder = output or resuming.find_newest_run()
        return folder, resuming.read_resumed(folder, request)
    host = Host(len(list_usable_cores()), read_usable_memory())
    inspect = partial(preflight.inspect, variables=request.env)
    return plan_run(request, output, quote_command(), host, inspect)


def _quote_program() -> str:
    """Return how the command that runs begins, before its options; under nox that of nox."""
    if (session := os.environ.get("NOX_CURRENT_SESSION")) in {"bench", "bench_gpu"}:
        return f"python3 -m nox -s {session} --"
    return f"{quote_command().partition(' run')[0]} run"


def _end(folder: Path, plan: Run, status: int, faults: Sequence[str]) -> NoReturn:
    """Print the report of a run and exit. status: of a signal, or 0. faults: of its files."""
    run = print_report(folder, draw=not status)
    if run.missing:
        again = ["--resume", "--output", str(folder), *resuming.list_repeated_options(plan)]
        print_line(f"Go on with: {_quote_program()} {shlex.join(again)}")
    if status:
        raise typer.Exit(status)
    refused = plan.preset == "share" and not print_sharing(run, faults)
    measured = run.textbook or any(row.succeeded for row in run.rows)
    raise typer.Exit(3 if run.failed_count else int(refused) if measured else 4)
