"""How close every row came to the oracle, and the margin to the tolerance."""

from collections.abc import Iterable, Sequence
from functools import partial

from bench.analysis.summary import Row
from bench.records.schema import TrialRecord
from bench.report.charts.parity import can_draw_error, chart_parity
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import list_workloads, name_case

NOTE = (
    "Largest difference from the float64 oracle over the first epochs and all processes of a row, "
    "relative to how far training moved the weights. Margin: the tolerance over the largest error "
    "of any size."
)


def describe_parity(run: LoadedRun) -> Section:
    """Return the errors of every row that was judged, including those that failed by them."""
    # One tolerance, or one for each version of the suite that measured the run.
    trials = [record for record in run.records if isinstance(record, TrialRecord)]
    tolerances = sorted({trial.parity.tolerance for trial in trials if trial.parity})
    tables, pictures = [], []
    for workload in list_workloads(run.rows) if tolerances else ():
        rows = [
            row
            for row in run.rows
            if row.case.workload == workload and row.parity_error is not None
        ]
        tables += tabulate_parity(rows, workload, tolerances[0])
        title = f"Parity errors, workload {workload}"
        if any(map(can_draw_error, rows)):
            draw = partial(chart_parity, rows, tolerances, title)
            pictures.append(Picture(f"parity-{workload}", title, draw))
    return Section("Do they compute the same?", tables, "No trial was judged.", pictures)


def tabulate_parity(rows: Iterable[Row], workload: str, tolerance: float) -> list[Table]:
    """Return a line for each implementation and device, the smallest error first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((name_case(row.case), row.case.device), []).append(row)
    lines = []
    for (name, device), group in sorted(groups.items(), key=lambda item: _find_worst(item[1])):
        first = [row for row in group if not row.swept]
        worst = _find_worst(group)
        if worst == 0:
            margin = "all"
        elif worst <= tolerance:
            margin = f"{numbers.format_number(tolerance / worst, 2)} times"
        else:
            margin = "none: it fails"
        errors = (_find_worst(first) if first else None, worst)
        lines.append([name, device, *map(numbers.format_error, errors), str(len(group)), margin])
    headings = ("implementation", "device", "at the first size", "at any size", "sizes", "margin")
    return [Table(f"Parity errors, {workload}", headings, lines, 2, NOTE)] if lines else []


def _find_worst(rows: Sequence[Row]) -> float:
    return max(row.parity_error or 0.0 for row in rows)
