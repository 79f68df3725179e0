"""Compare two versions of a command, as ``bench gate``, ``bisect`` and ``init`` do."""

import shutil
from dataclasses import replace
from functools import partial

from bench.errors import UserError
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.instructions import INSTRUCTIONS
from bench.regression.commands.judge_commands import make_command_result
from bench.regression.commands.measure_commands import (
    CommandPairs,
    choose_metric,
    measure_processes,
)
from bench.regression.commands.prepare_commands import CommandOptions, prepare_commands
from bench.regression.commands.proof import DocumentsOnly
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.loop import hold_host
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.result import ComparisonResult
from bench.runner.lock import hold_host_lock


def compare_commands(
    terms: Terms, options: CommandOptions, *, profile: bool = False
) -> FinishedComparison[CommandPlan]:
    """Measure two versions, record and judge them. Raises UserError."""
    functions, documents, refusal, stopped = [], "", None, 0
    with prepare_commands(terms, options) as (plan, sides):
        pairs = CommandPairs(plan, sides)
        is_open = options.metric in {AUTO, INSTRUCTIONS}
        if sides and (is_open or not pairs.is_proven):
            with hold_host_lock(terms.progress):
                line = "first a process of each side, which shows what it runs and how it waits"
                terms.progress(f"{plan.arguments}: {line}")
                try:
                    if pairs.prove() and is_open:
                        choose_metric(pairs)
                except DocumentsOnly as only:
                    documents = str(only)
        folder = terms.choose_folder(plan)
        if sides and not documents:
            pairs.create(folder)
            try:
                measure = partial(measure_processes, pairs, terms.progress)
                stopped = hold_host(terms.progress, measure)
            except UserError:
                shutil.rmtree(folder)  # else its two processes look like a comparison
                raise
            refusal = pairs.find_rewritten()
            if profile and not stopped:
                from bench.regression.commands.profile import profile_sides

                stopped = hold_host(
                    terms.progress,
                    lambda: functions.extend(profile_sides(plan, sides, terms.progress)),
                )
    plan = pairs.command_plan
    measured = pairs.measured if sides and not documents else None
    result = terms.settle(make_command_result(plan, measured))
    result = replace(result, functions=functions, refusal=refusal)
    if documents:
        reason = f"only documentation differs: {documents}"
        result = replace(result, reason=reason, allow_nothing=True)
    return FinishedComparison(result, plan, folder, stopped)


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
