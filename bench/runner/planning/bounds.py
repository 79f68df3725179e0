"""The bounds of the numbers in a plan, from the command line or from a stranger's file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.records.schema import Run

MAX_INT = 2**31 - 1
MAX_SECONDS = 7 * 24 * 3600.0
MAX_EPOCHS = 200
MAX_ROUNDS = 1000


def find_plan_fault(run: "Run") -> str | None:
    """Return what the command line would have refused of a plan, or None."""
    from bench.runner.planning.cases import get_size
    from bench.worker.workloads import WORKLOADS

    cases, rule = (*run.cases, *run.sweep), run.stopping
    everything = (*cases, *run.textbook, *run.rooflines)
    limits: list[tuple[str, Iterable[float | None], float, float]] = [
        ("seed", [run.seed], 0, MAX_INT),
        ("timeout", [run.timeout], 1, MAX_SECONDS),
        ("budget", [run.budget], 1, MAX_SECONDS),
        ("least_rounds", [rule.least_rounds if rule else None], 1, MAX_ROUNDS),
        ("later_epochs", [rule.later_epochs if rule else None], 1, MAX_EPOCHS),
        ("rounds", [run.sweep_rounds, *run.rounds.values()], 1, MAX_ROUNDS),
        ("batch_size", [case.batch_size for case in cases], 1, MAX_INT),
        ("samples", [case.samples for case in cases], 1, MAX_INT),
        ("epochs", [case.epochs for case in cases], 1, MAX_EPOCHS),
        # Where a pilot chooses the threads, they are 0 until then.
        ("threads", [one.threads for one in everything if not one.tried_threads], 1, MAX_INT),
        ("tried_threads", [n for case in cases for n in case.tried_threads], 1, MAX_INT),
    ]
    for name, values, least, most in limits:
        for value in values:
            if value is not None and not least <= value <= most:
                return f"{name} is {value:g}, and may be from {least:g} to {most:g}"
    for case in cases:
        if case.workload not in WORKLOADS:
            return f"there is no workload {case.workload!r:.80}"
        if fault := get_size(case).fault:
            return fault
    return None
