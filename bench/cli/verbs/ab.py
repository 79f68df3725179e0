"""``bench ab``: measure two versions in pairs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import Transient, print_comparison, print_measurement, quote_command, stderr


def ab(
    baseline: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="VERSION",
            help="Compare with this version: a git revision, packages as pip takes them "
            "(scikit-learn==1.8.0, a wheel, an address), a Python executable or a .py file. Its "
            "code runs with your rights. Default: the version of --candidate, if --base-env and "
            "--candidate-env differ.",
            rich_help_panel="Versions",
        ),
    ] = None,
    candidate: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="Judge this version, named in the same ways; . is the working tree.",
            rich_help_panel="Versions",
        ),
    ] = ".",
    pre: Annotated[
        bool, options.flag("Versions", "--pre", "Let pip install pre-releases, on both sides.")
    ] = False,
    constraint: Annotated[
        list[Path] | None,
        typer.Option(
            "--constraint",
            "-c",
            metavar="FILE",
            help="Let pip keep to the constraints in this file, on both sides. Packages that it "
            "does not list keep their installed releases. Repeat the option for several.",
            rich_help_panel="Versions",
        ),
    ] = None,
    index_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Let pip take packages from this index, on both sides. Its address is not "
            "recorded.",
            rich_help_panel="Versions",
        ),
    ] = None,
    extra_index_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Let pip take packages from this index too, on both sides. Its address is not "
            "recorded. Repeat the option for several.",
            rich_help_panel="Versions",
        ),
    ] = None,
    base_env: Annotated[
        list[str] | None,
        options.env("--base-env", "Set this environment variable for the base's processes."),
    ] = None,
    candidate_env: Annotated[
        list[str] | None,
        options.env(
            "--candidate-env", "Set this environment variable for the candidate's processes."
        ),
    ] = None,
    implementation: Annotated[
        list[str] | None,
        options.implementations(
            "NAME",
            "Measure this implementation. Repeat the option for several. Default: those whose "
            "files differ, or that use the named packages.",
        ),
    ] = None,
    workload: options.OneWorkload = "sgd",
    device: options.Device = "cpu",
    batch_size: options.BatchSize = None,
    threads: options.ThreadCount = 1,
    samples: options.SampleCount = None,
    budget: Annotated[
        float,
        options.duration("Measure for at most this time, which all cases share. Default: 3m."),
    ] = 180,
    tolerance: options.Tolerance = 0.02,
    gate: Annotated[
        list[options.Names] | None,
        typer.Option(
            metavar="NAME,NAME,…",
            parser=options.parse_gates,
            help="Judge these besides the epoch: import, memory, first-epoch, set-up.",
            rich_help_panel=options.VERDICT,
        ),
    ] = None,
    fail_on: options.FailOn = "slower",
    style: options.OutputFormat = "table",
    data: options.Data = None,
    output: options.Output = None,
) -> None:
    """Compare two versions in pairs of fresh processes; exit with 1 if the candidate is slower."""
    from bench.records import store
    from bench.records.layout import COMPARISON_PLAN
    from bench.regression.calibration.spread import load_calibrations, locate_calibrations
    from bench.regression.paired import measure_pairs
    from bench.regression.paired.judge_pairs import load_result
    from bench.regression.paired.prepare import CaseOptions, prepare_comparison
    from bench.regression.versions import venv
    from bench.report.regression.verdicts import build_output, describe_case
    from bench.runner import signals
    from bench.runner.machine import describe
    from bench.runner.planning.plan import RESULTS, check_writable
    from bench.runner.process.spec import parse_env

    if output is not None:
        check_writable(output)
    with prepare_comparison(
        baseline,
        candidate,
        cases=CaseOptions(
            tuple(implementation or ()), workload, device, batch_size, threads, data, samples
        ),
        command=quote_command(),
        # A program may read stdout: the result alone goes there.
        progress=lambda line: print(line, file=sys.stderr),
        tolerance=tolerance,
        budget=budget,
        gates=options.join_names(gate),
        pip=venv.read_options(constraint or (), index_url, extra_index_url or (), pre=pre),
        envs=(parse_env(base_env or (), [device]), parse_env(candidate_env or (), [device])),
    ) as comparison:
        plan = comparison.plan
        folder = output or RESULTS / plan.run
        stopped = 0
        if plan.pairings:
            store.create_run(folder, plan, COMPARISON_PLAN)
            events = measure_pairs.measure(folder, plan, comparison.data, comparison.installations)
            lines = (
                Transient(event) if isinstance(event, str) else describe_case(event)
                for event in events
            )
            stopped = signals.run_until_signal(print_measurement, stderr, lines)
    calibrations = load_calibrations(locate_calibrations(describe()["id"]))
    result = load_result(
        folder,
        plan,
        required=bool(implementation),
        fail_on=(fail_on,),
        detect=lambda case: calibrations.detectable_slowdown(case.case, case.pairs, plan.rule),
    )
    print_comparison(build_output(result), style)
    raise typer.Exit(stopped or result.exit_status)
