"""``bench ab``: measure two versions in pairs."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options
from bench.cli.console import Transient, print_comparison, print_measurement, quote_command, stderr
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.regression.commands.prepare_commands import CommandOptions
    from bench.regression.paired.comparison_plan import PairedPlan
    from bench.regression.paired.prepare import CaseOptions
    from bench.regression.result import CaseComparison, ComparisonResult


def ab(
    baseline: Annotated[
        str | None,
        options.versions_option(
            "--base",
            metavar="VERSION",
            help="Compare with this version: a git revision, packages as pip takes them "
            "(scikit-learn==1.8.0, a wheel or its URL, name @ git+URL), a Python executable or a "
            ".py file. Its code runs with your rights. It can be left out if --base-env and "
            "--candidate-env differ, or --base-path and --candidate-path: then both sides are the "
            "version of --candidate.",
        ),
    ] = None,
    candidate: Annotated[
        str,
        options.versions_option(
            metavar="VERSION",
            help="Judge this version, named in the same ways; . is the working tree.",
        ),
    ] = ".",
    base_path: Annotated[
        Path | None,
        options.versions_option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Let the base find modules in this folder before all others.",
        ),
    ] = None,
    candidate_path: Annotated[
        Path | None,
        options.versions_option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Let the candidate find modules in this folder before all others.",
        ),
    ] = None,
    install: Annotated[
        bool,
        options.flag(
            options.versions_option,
            "--install",
            "Let pip build both revisions of the current repository, each into an environment of "
            "its own.",
        ),
    ] = False,
    extra: Annotated[
        list[str] | None,
        options.versions_option(
            metavar="NAME",
            help="With --install, install this extra of the project too. Repeat the option for "
            "several.",
        ),
    ] = None,
    same_code_ok: Annotated[
        bool,
        options.flag(
            options.versions_option,
            "--same-code-ok",
            "Compare although both sides run the same code.",
        ),
    ] = False,
    pre: Annotated[
        bool,
        options.flag(
            options.versions_option, "--pre", "Let pip install pre-releases, on both sides."
        ),
    ] = False,
    constraint: Annotated[
        list[Path] | None,
        options.versions_option(
            "--constraint",
            "-c",
            metavar="FILE",
            help="Pass this constraints file to pip, on both sides. When implementations are "
            "compared, packages that are not in the file keep their installed releases; with "
            "--command or --pytest, pip chooses them. Repeat the option for several.",
        ),
    ] = None,
    index_url: Annotated[
        str | None,
        options.versions_option(
            metavar="URL",
            help="Let pip take packages from this index, on both sides. Its URL is not recorded.",
        ),
    ] = None,
    extra_index_url: Annotated[
        list[str] | None,
        options.versions_option(
            metavar="URL",
            help="Let pip take packages from this index too, on both sides. Its URL is not "
            "recorded. Repeat the option for several.",
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
    command: Annotated[
        str | None,
        options.commands_option(
            metavar="COMMAND",
            help="Measure this command instead, in the folder and the environment of each version; "
            "no shell reads it. A version is then a revision, a folder, a Python, a virtual "
            "environment or packages.",
        ),
    ] = None,
    pytest: Annotated[
        str | None,
        options.commands_option(
            metavar="ARGUMENTS",
            help="Measure tests of pytest-benchmark instead, which pytest finds with these "
            "arguments, such as tests/bench_x.py; judge the minimum of each, or with --metric "
            "cpu-time the mean of its CPU time.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        options.commands_option(
            metavar="METRIC",
            help="Judge one of these: the time of the command (time), its CPU time while both "
            "versions run at once on the same cores (cpu-time), the last number that it prints "
            "(last-number), or a number in its JSON (json:KEY). Less is better. Default: time.",
        ),
    ] = None,
    prepare: Annotated[
        str | None,
        options.commands_option(
            metavar="COMMAND",
            help="Run this before each process, untimed.",
        ),
    ] = None,
    loops: Annotated[
        bool,
        options.flag(
            options.commands_option,
            "--loops",
            "The command reads a line before each iteration and prints one after it. Let both "
            "versions iterate in turn, in two live processes.",
        ),
    ] = False,
    warmup: Annotated[
        int | None,
        options.commands_option(
            metavar="N",
            min=1,
            max=100,
            help="Measure this number of pairs first, which do not count. Default: 1.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        options.commands_option(
            metavar="TIME",
            parser=options.parse_duration,
            help="Stop a process of the command after this time. Default: 10m.",
        ),
    ] = None,
    implementation: Annotated[
        list[str] | None,
        options.implementations(
            "NAME|FILE",
            "Measure this implementation, or your own file as each version has it. Repeat the "
            "option for several. Default: those whose files differ, or that use the named "
            "packages.",
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
        options.verdict_option(
            metavar="NAME,NAME,…",
            parser=options.parse_gates,
            help="Judge these metrics, too, not only the epoch time: import, memory, first-epoch, "
            "set-up, predict. Separate several with commas.",
        ),
    ] = None,
    fail_on: options.FailOn = "slower",
    allow_nothing: Annotated[
        bool,
        options.flag(
            options.verdict_option,
            "--allow-nothing",
            "Exit with 0 instead of 4 if no file or no implementation differs, or if only one "
            "side has the implementation.",
        ),
    ] = False,
    style: options.OutputFormat = "table",
    data: options.Data = None,
    output: options.Output = None,
) -> None:
    """Compare two versions in pairs of fresh processes; exit with 1 if the candidate is slower."""
    from bench.regression.commands.prepare_commands import CommandOptions
    from bench.regression.paired.prepare import CaseOptions
    from bench.regression.versions import venv
    from bench.report.regression.verdicts import build_output
    from bench.runner.planning.plan import check_writable
    from bench.runner.process.spec import parse_env

    of_commands = {
        "metric": metric,
        "prepare": prepare,
        "loops": loops,
        "warmup": warmup,
        "timeout": timeout,
    }
    given: dict[str, Any] = {name: value for name, value in of_commands.items() if value}
    is_command = bool(command or pytest)
    cases = CaseOptions(
        tuple(implementation or ()), workload, device, batch_size, threads, data, samples
    )
    paths = base_path, candidate_path
    if command and pytest:
        raise UserError("give --command or --pytest, not both")
    if extra and not install:
        raise UserError("--extra needs --install. Add it, or leave --extra out")
    if given and not is_command:
        option = f"--{next(iter(given))}"
        raise UserError(f"{option} needs --command or --pytest. Add one, or leave {option} out")
    if is_command and (cases != CaseOptions(threads=threads) or any(paths) or gate):
        raise UserError(
            "a command is measured as it is: leave out --implementation, --workload, --device, "
            "--batch-size, --samples, --data, --gate, --base-path and --candidate-path"
        )
    if output is not None:
        check_writable(output)
    devices = None if is_command else [device]
    terms = {
        "command": quote_command(),
        # A program may read stdout: the result alone goes there.
        "progress": lambda line: print(line, file=sys.stderr),
        "tolerance": tolerance,
        "budget": budget,
        "envs": (parse_env(base_env or (), devices), parse_env(candidate_env or (), devices)),
        "install": tuple(extra or ()) if install else None,
        "same_code_ok": same_code_ok,
        "pip": venv.read_options(constraint or (), index_url, extra_index_url or (), pre=pre),
    }
    sides = baseline, candidate
    if is_command:
        chosen = CommandOptions(command, pytest, threads=threads, **given)
        result, stopped = _compare_commands(sides, chosen, output, terms)
    else:
        terms |= {"paths": paths, "gates": options.join_names(gate)}
        result, stopped = _compare_implementations(sides, cases, output, terms)
    result = replace(result, fail_on=(fail_on,), allow_nothing=allow_nothing)
    print_comparison(build_output(result), style)
    raise typer.Exit(stopped or result.exit_status)


def _compare_implementations(
    sides: tuple[str | None, str],
    cases: "CaseOptions",
    output: Path | None,
    terms: Mapping[str, Any],
) -> "tuple[ComparisonResult, int]":
    """Measure implementations; return the result, and the exit status of a signal or 0.

    terms: of ``prepare_comparison``.
    """
    from bench.records.layout import COMPARISON_PLAN
    from bench.regression.calibration.spread import load_calibrations, locate_calibrations
    from bench.regression.paired import measure_pairs
    from bench.regression.paired.judge_pairs import load_result
    from bench.regression.paired.prepare import prepare_comparison
    from bench.runner.machine import describe
    from bench.runner.planning.plan import RESULTS

    with prepare_comparison(*sides, cases=cases, **terms) as comparison:
        plan = comparison.plan
        folder, stopped = output or RESULTS / plan.run, 0
        if plan.pairings:
            events = measure_pairs.measure(folder, plan, comparison.data, comparison.installations)
            stopped = _measure(folder, plan, COMPARISON_PLAN, events)
    calibrations = load_calibrations(locate_calibrations(describe()["id"]))
    result = load_result(
        folder,
        plan,
        required=bool(cases.implementations),
        detect=lambda case: calibrations.detectable_slowdown(case.case, case.pairs, plan.rule),
    )
    return result, stopped


def _compare_commands(
    sides: tuple[str | None, str],
    chosen: "CommandOptions",
    output: Path | None,
    terms: Mapping[str, Any],
) -> "tuple[ComparisonResult, int]":
    """Measure commands; as ``_compare_implementations``."""
    from bench.records.layout import COMMAND_PLAN
    from bench.regression.commands import measure_commands
    from bench.regression.commands.judge_commands import load_result
    from bench.regression.commands.prepare_commands import prepare_commands
    from bench.runner.planning.plan import RESULTS

    with prepare_commands(*sides, chosen, **terms) as (plan, prepared):
        folder, stopped = output or RESULTS / plan.run, 0
        if prepared:
            events = measure_commands.measure(folder, plan, prepared)
            stopped = _measure(folder, plan, COMMAND_PLAN, events)
    return load_result(folder, plan, measured=bool(prepared)), stopped


def _measure(
    folder: Path, plan: "PairedPlan", name: str, events: "Iterable[str | CaseComparison]"
) -> int:
    """Store a plan, and print what is measured; return the exit status of a signal, or 0."""
    from bench.records import store
    from bench.report.regression.verdicts import describe_case
    from bench.runner import signals

    store.create_run(folder, plan, name)
    lines = (
        Transient(event) if isinstance(event, str) else describe_case(event) for event in events
    )
    return signals.run_until_signal(print_measurement, stderr, lines)
