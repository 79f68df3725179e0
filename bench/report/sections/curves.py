"""Accuracy against the time since a cold start, as text: the same for every format."""

from collections.abc import Sequence

from bench.analysis.startup import Curve
from bench.report.render import numbers
from bench.report.sections.comparison import Table, problem

NOTE = (
    "Time from the start of a fresh process, its import and set-up included, to the end of an "
    "epoch, and the validation accuracy then: geometric and arithmetic means over processes."
)


def tables(curves: Sequence[Curve], workload: str) -> list[Table]:
    """Return a table a device of one workload, the soonest through its last epoch first."""
    by_device: dict[str, list[Curve]] = {}
    for curve in curves:
        by_device.setdefault(curve.case.device, []).append(curve)
    return [_table(found, workload) for found in by_device.values()]


def _table(curves: Sequence[Curve], workload: str) -> Table:
    last = max(len(curve.points) for curve in curves)
    headings = ("implementation", "objective", "style",
                *(f"epoch {number}" for number in range(1, last + 1)))  # fmt: skip
    lines = [_line(curve, last) for curve in sorted(curves, key=end)]
    title = f"Time and accuracy after each epoch, {workload}: {problem(curves[0])}"
    return Table(title, headings, lines, 3, NOTE)


def end(curve: Curve) -> float:
    """Seconds from a cold start to the end of the last epoch."""
    return curve.points[-1].seconds.mean


def _line(curve: Curve, last: int) -> list[str]:
    cells = [f"{numbers.duration(point.seconds.mean)}: {numbers.share(point.accuracy)}"
             for point in curve.points]  # fmt: skip
    absent = [numbers.ABSENT] * (last - len(cells))
    return [curve.case.implementation, curve.case.objective, curve.case.style, *cells, *absent]
