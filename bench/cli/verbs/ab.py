"""``bench ab``: measure two versions of this suite's programs in pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from bench.cli import options
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.planning.plan import RESULTS
from bench.records.layout import COMPARISON_PLAN
from bench.regression.calibration.spread import load_calibrations, locate_calibrations
from bench.regression.paired import measure_pairs
from bench.regression.paired.judge_pairs import load_result
from bench.regression.paired.prepare import CaseOptions, prepare_comparison
from bench.runner.host.machine import describe


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
    candidate: options.CandidateVersion = ".",
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
    install: options.Install = False,
    extra: options.Extra = None,
    same_code_ok: options.SameCodeOk = False,
    pre: options.Pre = False,
    constraint: options.Constraint = None,
    index_url: options.IndexUrl = None,
    extra_index_url: options.ExtraIndexUrl = None,
    base_env: options.BaseEnv = None,
    candidate_env: options.CandidateEnv = None,
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
    budget: options.PairBudget = 180,
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
    allow_missing: options.AllowMissing = False,
    allow_nothing: options.AllowNothing = False,
    style: options.OutputFormat = "table",
    data: options.Data = None,
    output: options.Output = None,
    moved: Annotated[  # for one release
        list[str] | None,
        options.cases_option(
            "--command", "--pytest", "--metric", "--prepare", "--warmup", "--timeout", hidden=True
        ),
    ] = None,
) -> None:
    """Compare two versions of programs in pairs; exit with 1 if the candidate is slower."""
    if moved:
        raise UserError("commands and tests are measured by bench gate. Write gate instead of ab")
    cases = CaseOptions(
        tuple(implementation or ()), workload, device, batch_size, threads, data, samples
    )
    terms = pairs.make_terms(
        tolerance=tolerance,
        budget=budget,
        envs=(base_env, candidate_env),
        devices=[device],
        install=install,
        extra=extra,
        same_code_ok=same_code_ok,
        pre=pre,
        constraint=constraint,
        index_url=index_url,
        extra_index_url=extra_index_url,
        output=output,
    )
    terms |= {"paths": (base_path, candidate_path), "gates": options.join_names(gate)}
    with prepare_comparison(baseline, candidate, cases=cases, **terms) as comparison:
        plan = comparison.plan
        folder, stopped = output or RESULTS / plan.run, 0
        if plan.pairings:
            events = measure_pairs.measure(folder, plan, comparison.data, comparison.installations)
            stopped = pairs.measure(folder, plan, COMPARISON_PLAN, events)
    calibrations = load_calibrations(locate_calibrations(str(describe()["id"])))
    result = load_result(
        folder,
        plan,
        required=bool(cases.implementations),
        detect=lambda case: calibrations.detectable_slowdown(case.case, case.pairs, plan.rule),
    )
    result = replace(result, allow_missing=allow_missing, allow_nothing=allow_nothing)
    pairs.finish(result, stopped, style, fail_on)
