"""Read the folder of a comparison that ``bench ab`` or ``bench gate`` has written."""

from dataclasses import dataclass
from pathlib import Path

from bench.records.layout import COMMAND_PLAN, COMPARISON_PLAN
from bench.records.schema import CommandRecord, TrialRecord
from bench.records.store import read_plan
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.judge_commands import make_command_result
from bench.regression.pairs.judge import Measured, read_measured
from bench.regression.programs.comparison_plan import ComparisonPlan
from bench.regression.programs.judge_pairs import make_program_result
from bench.regression.result import ComparisonResult


@dataclass(frozen=True, slots=True)
class StoredComparison:
    """A comparison in pairs: its plan, what was measured, and the result."""

    plan: ComparisonPlan | CommandPlan
    measured: Measured[TrialRecord] | Measured[CommandRecord]
    result: ComparisonResult


def read_comparison(folder: Path) -> StoredComparison:
    """Read a folder of ``bench ab`` or ``bench gate``. Raises UserError, also for another one."""
    if (folder / COMMAND_PLAN).is_file():
        command = read_plan(folder / COMMAND_PLAN, CommandPlan)
        processes = read_measured(folder, CommandRecord)
        return StoredComparison(command, processes, make_command_result(command, processes))
    plan = read_plan(folder / COMPARISON_PLAN, ComparisonPlan)
    trials = read_measured(folder, TrialRecord)
    return StoredComparison(plan, trials, make_program_result(plan, trials, required=True))
