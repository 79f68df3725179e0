"""``bench ab``: measure two versions of this suite's programs in pairs."""

from typing import Annotated

from bench.cli import options
from bench.cli.console import quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.pairs.plan import Terms
from bench.regression.programs.measure_pairs import compare_programs
from bench.regression.programs.prepare import CaseOptions
from bench.runner.process.spec import parse_env


def ab(
    baseline: options.BaseVersion = "",
    candidate: options.CandidateVersion = ".",
    install: options.Install = False,
    additions: options.Additions = None,
    base_env: Annotated[
        list[str] | None, options.env("Set this environment variable for the base's processes.")
    ] = None,
    candidate_env: Annotated[
        list[str] | None,
        options.env("Set this environment variable for the candidate's processes."),
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
    verbose: options.Verbose = False,
    allow: options.Allow = None,
    style: options.OutputFormat = "table",
    data: options.Data = None,
    output: options.Output = None,
) -> None:
    """Compare two versions of programs in pairs; exit with 1 if the candidate is slower."""
    before, after = (parse_env(texts or (), [device]) for texts in (base_env, candidate_env))
    if not baseline and before == after:
        raise UserError("nothing differs: add --base VERSION, --base-env or --candidate-env")
    sizes = workload, device, batch_size, threads, data, samples
    cases = CaseOptions(tuple(implementation or ()), *sizes, envs=(before, after))
    with pairs.reporting() as progress:
        terms = Terms(
            baseline=baseline or candidate,
            candidate=candidate,
            command=quote_command(),
            progress=progress,
            tolerance=tolerance,
            budget=budget,
            install=install,
            additions=tuple(additions or ()),
            allowed=options.join_names(allow),
            fail_on=fail_on,
            output=output,
        )
        comparison = compare_programs(terms, cases, options.join_names(gate))
    pairs.finish(comparison, style, verbose=verbose)
