"""Compare two versions of programs, as ``bench ab`` does."""

from functools import partial

from bench.records import store
from bench.records.layout import COMPARISON_PLAN
from bench.records.schema import TrialRecord
from bench.regression.pairs.judge import Measured, read_measured
from bench.regression.pairs.loop import hold_host
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.programs.comparison_plan import ComparisonPlan
from bench.regression.programs.judge_pairs import make_program_result
from bench.regression.programs.measure_pairs import measure_programs
from bench.regression.programs.prepare import CaseOptions, prepare_comparison
from bench.runner.lock import open_host_lock


def compare_programs(
    terms: Terms, cases: CaseOptions, gates: tuple[str, ...]
) -> FinishedComparison[ComparisonPlan]:
    """Measure two versions, record and judge them. Raises UserError.

    gates: names of further metrics to judge.
    """
    with prepare_comparison(terms, cases, gates) as ready:
        plan = ready.plan
        folder, stopped = terms.choose_folder(plan), 0
        if plan.pairings:
            open_host_lock()  # may raise UserError, before anything is written
            store.create_run(folder, plan, COMPARISON_PLAN)
            given = folder, plan, ready.data, ready.installations, terms.progress
            stopped = hold_host(terms.progress, partial(measure_programs, *given))
    result = make_program_result(
        plan,
        read_measured(folder, TrialRecord) if plan.pairings else Measured(),
        required=bool(cases.implementations),
    )
    return FinishedComparison(terms.settle(result), plan, folder, stopped)
