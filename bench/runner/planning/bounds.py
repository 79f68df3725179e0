"""The bounds of the numbers in a plan, from the command line or from a stranger's file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records.schema import Case, Run

MAX_INT = 2**31 - 1
MAX_SECONDS = 7 * 24 * 3600.0
MAX_EPOCHS = 200
MAX_ROUNDS = 1000

Bounded = tuple[str, float, float, float]  # what, its value, the least, the most


def find_plan_fault(run: "Run") -> str | None:
    """Return what the command line would have refused of a plan, or None."""
    from bench.runner.planning.cases import get_size
    from bench.worker.workloads import WORKLOADS

    for name, value, least, most in _list_numbers(run):
        if not least <= value <= most:
            return f"{name} is {value:g}, and may be from {least:g} to {most:g}"
    for case in (*run.cases, *run.sweep):
        if case.workload not in WORKLOADS:
            return f"there is no workload {case.workload!r:.80}"
        if fault := get_size(case).fault:
            return fault
    return None


def _list_numbers(run: "Run") -> Iterator[Bounded]:
    """Yield every number of a plan that the command line bounds."""
    if run.seed is not None:
        yield "seed", run.seed, 0, MAX_INT
    yield "timeout", run.timeout, 1, MAX_SECONDS
    if run.budget is not None:
        yield "budget", run.budget, 1, MAX_SECONDS
    if run.stopping is not None:
        yield "least_rounds", run.stopping.least_rounds, 1, MAX_ROUNDS
    yield "sweep_rounds", run.sweep_rounds, 1, MAX_ROUNDS
    for workload, rounds in run.rounds.items():
        yield f"rounds of {workload:.80}", rounds, 1, MAX_ROUNDS
    for case in (*run.cases, *run.sweep):
        yield from _list_sizes(case)
    for case in (*run.textbook, *run.rooflines):
        yield "threads", case.threads, 1, MAX_INT


def _list_sizes(case: "Case") -> Iterator[Bounded]:
    yield "batch_size", case.batch_size, 1, MAX_INT
    yield "samples", case.samples, 1, MAX_INT
    # Where a pilot chooses the threads, they are 0 until then.
    yield "threads", case.threads, 0 if case.tried_threads else 1, MAX_INT
    for threads in case.tried_threads:
        yield "tried_threads", threads, 1, MAX_INT
    yield "epochs", case.epochs, 1, MAX_EPOCHS
