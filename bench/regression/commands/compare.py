"""Compare two versions of a command, as ``bench gate``, ``bisect`` and ``init`` do."""

from dataclasses import replace
from functools import partial

from bench.errors import UserError
from bench.records import store
from bench.records.layout import COMMAND_PLAN
from bench.records.schema import CommandRecord
from bench.regression.commands import measure_commands
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.instructions import INSTRUCTIONS
from bench.regression.commands.judge_commands import make_command_result
from bench.regression.commands.prepare_commands import CommandOptions, prepare_commands
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.judge import read_measured
from bench.regression.pairs.loop import hold_host
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.result import ComparisonResult
from bench.runner.lock import hold_host_lock


def compare_commands(
    terms: Terms, options: CommandOptions, *, profile: bool = False
) -> FinishedComparison[CommandPlan]:
    """Measure two versions, record and judge them. Raises UserError."""
    functions = []
    with prepare_commands(terms, options) as (planned, sides):
        plan = planned
        if sides and options.metric in {AUTO, INSTRUCTIONS}:
            with hold_host_lock(terms.progress):
                line = "first a process of each side, which shows whether it computes or waits"
                terms.progress(f"{plan.arguments}: {line}")
                plan = measure_commands.choose_metric(plan, sides)
        folder, stopped = terms.choose_folder(plan), 0
        if sides:
            store.create_run(folder, plan, COMMAND_PLAN)
            measure = partial(
                measure_commands.measure_processes, folder, plan, sides, terms.progress
            )
            stopped = hold_host(terms.progress, measure)
        if sides and profile and not stopped:
            from bench.regression.commands.profile import profile_sides

            stopped = hold_host(
                terms.progress,
                lambda: functions.extend(profile_sides(plan, sides, terms.progress)),
            )
    measured = read_measured(folder, CommandRecord) if sides else None
    result = terms.settle(make_command_result(plan, measured))
    return FinishedComparison(replace(result, functions=functions), plan, folder, stopped)


def run_gate(terms: Terms, options: CommandOptions, *, profile: bool = False) -> ComparisonResult:
    """Compare two versions without a terminal, as ``softmax_bench.gate`` does.

    Raises UserError, and KeyboardInterrupt after a signal: what was measured until then is
    recorded.
    """
    allowed = {"same-code", "missing", "nothing"}
    if not (0 <= terms.tolerance <= 0.5 and terms.budget >= 1 and options.threads >= 0):
        raise UserError(
            "give tolerance as a share from 0 to 0.5, budget in seconds from 1, threads from 0"
        )
    if unknown := {*terms.allowed} - allowed:
        raise UserError(f"allow: {', '.join(unknown)}: choose from {', '.join(sorted(allowed))}")

    comparison = compare_commands(terms, options, profile=profile)
    if comparison.stopped:
        raise KeyboardInterrupt
    return comparison.result
