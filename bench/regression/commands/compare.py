"""Compare two versions of a command, as ``bench gate``, ``bisect`` and ``init`` do."""

from dataclasses import replace
from functools import partial

from bench.errors import UserError
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.instructions import INSTRUCTIONS
from bench.regression.commands.judge_commands import make_command_result
from bench.regression.commands.measure_commands import CommandPairs, measure_processes
from bench.regression.commands.prepare_commands import CommandOptions, prepare_commands
from bench.regression.commands.proof import DocumentsOnly
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.loop import hold_host
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.result import ComparisonResult


def compare_commands(terms: Terms, options: CommandOptions) -> FinishedComparison[CommandPlan]:
    """Measure two versions, record and judge them. Raises UserError."""
    documents, refusal, stopped = "", None, 0
    with prepare_commands(terms, options) as (plan, sides):
        pairs, folder = CommandPairs(plan, sides), terms.choose_folder(plan)
        is_open = options.metric in {AUTO, INSTRUCTIONS}
        if sides:
            measure = partial(measure_processes, pairs, folder, terms.progress, is_open=is_open)
            try:
                stopped = hold_host(terms.progress, measure)
                refusal = None if stopped else pairs.find_rewritten()
            except DocumentsOnly as only:
                documents = str(only)
    plan = pairs.command_plan
    measured = pairs.measured if sides and not documents else None
    result = terms.settle(make_command_result(plan, measured))
    result = replace(result, refusal=refusal)
    if documents:
        reason = f"only documentation differs: {documents}"
        result = replace(result, reason=reason, allow_nothing=True)
    return FinishedComparison(result, plan, folder, stopped)


def run_gate(terms: Terms, options: CommandOptions) -> ComparisonResult:
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

    comparison = compare_commands(terms, options)
    if comparison.stopped:
        raise KeyboardInterrupt
    return comparison.result
