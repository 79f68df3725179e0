"""How near every row came to the oracle, and how much the tolerance leaves, as text."""

from collections.abc import Iterable, Sequence

from bench.analysis.summary import Row
from bench.records.schema import Record
from bench.report.render import numbers
from bench.report.sections.comparison import Table, name

NOTE = (
    "Largest difference to the float64 oracle over the first epochs, of all processes of a row, as "
    "a share of the way that training moved the weights. Room: the tolerance over the largest "
    "error of any size."
)


def tolerances(records: Iterable[Record]) -> list[float]:
    """Return what the records were judged by, ascending: one number, or that of each suite."""
    return sorted({record.parity.tolerance for record in records if record.parity})


def judged(rows: Iterable[Row], workload: str) -> list[Row]:
    """Return a workload's rows whose parity was told, at every size, the wrong ones too."""
    return [row for row in rows if row.case.workload == workload and row.parity_error is not None]


def tables(rows: Sequence[Row], workload: str, tolerance: float) -> list[Table]:
    """Return a line for each implementation and device, the smallest error first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in judged(rows, workload):
        found.setdefault((name(row.case), row.case.device), []).append(row)
    lines = [[*key, *_line(group, tolerance)]
             for key, group in sorted(found.items(), key=lambda one: _worst(one[1]))]  # fmt: skip
    headings = ("implementation", "device", "at the first size", "at any size", "sizes", "room")
    return [Table(f"Parity errors, {workload}", headings, lines, 2, NOTE)] if lines else []


def _line(group: Sequence[Row], tolerance: float) -> list[str]:
    first = [row for row in group if not row.swept]
    worst = _worst(group)
    room = f"{numbers.significant(tolerance / worst, 2)} times" if 0 < worst <= tolerance else ""
    return [
        numbers.error(_worst(first) if first else None), numbers.error(worst), str(len(group)),
        room or ("none: it fails" if worst else "all"),
    ]  # fmt: skip


def _worst(group: Iterable[Row]) -> float:
    return max(row.parity_error or 0.0 for row in group)
