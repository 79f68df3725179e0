"""The bounds of the numbers in a plan, from the command line or from a stranger's file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records.schema import Run

MAX_INT = 2**31 - 1
MAX_SECONDS = 7 * 24 * 3600.0
MAX_EPOCHS = 200
MAX_ROUNDS = 1000


def find_plan_fault(run: "Run") -> str | None:
    """Return what the command line would have refused of a plan, or None."""
    from bench.runner.planning.cases import get_size
    from bench.worker.workloads import WORKLOADS

    for name, value, least, most in _list_numbers(run):
        if value is not None and not least <= value <= most:
            return f"{name} is {value:g}, and may be from {least:g} to {most:g}"
    for case in (*run.cases, *run.sweep):
        if case.workload not in WORKLOADS:
            return f"there is no workload {case.workload!r:.80}"
        if fault := get_size(case).fault:
            return fault
    return None


def _list_numbers(run: "Run") -> Iterator[tuple[str, float | None, float, float]]:
    """Yield what the command line bounds of a plan: its name, its value, the least, the most."""
    yield "seed", run.seed, 0, MAX_INT
    yield "timeout", run.timeout, 1, MAX_SECONDS
    yield "budget", run.budget, 1, MAX_SECONDS
    yield "least_rounds", run.stopping.least_rounds if run.stopping else None, 1, MAX_ROUNDS
    yield "later_epochs", run.stopping.later_epochs if run.stopping else None, 1, MAX_EPOCHS
    yield "sweep_rounds", run.sweep_rounds, 1, MAX_ROUNDS
    for workload, rounds in run.rounds.items():
        yield f"rounds of {workload:.80}", rounds, 1, MAX_ROUNDS
    for case in (*run.cases, *run.sweep):
        yield "batch_size", case.batch_size, 1, MAX_INT
        yield "samples", case.samples, 1, MAX_INT
        # Where a pilot chooses the threads, they are 0 until then.
        yield "threads", case.threads, 0 if case.tried_threads else 1, MAX_INT
        for threads in case.tried_threads:
            yield "tried_threads", threads, 1, MAX_INT
        yield "epochs", case.epochs, 1, MAX_EPOCHS
    for case in (*run.textbook, *run.rooflines):
        yield "threads", case.threads, 1, MAX_INT
