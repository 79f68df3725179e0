"""Epoch times by batch size, samples and threads, as tables of text."""

from collections.abc import Callable, Iterable, Sequence

from bench.analysis.summary import Row
from bench.analysis.sweep import Sweep
from bench.records.schema import Case, Skipped
from bench.report.render import numbers
from bench.report.sections.comparison import Table

NOTE = "In brackets: the 95 % interval. A time without an interval was measured in one process."
THREADS_NOTE = (
    "Speedup: the time with one thread over the time with these threads, in the rounds that have "
    "both."
)


def tables(sweep: Sweep) -> list[Table]:
    """Return a table for each axis that was varied."""
    threads = f"{sweep.threads} thread{'s' * (sweep.threads > 1)}"
    by_batch_size = f"Epoch time by batch size: {sweep.samples:,} samples, {threads}"
    by_samples = f"Epoch time by samples: batch size {sweep.batch_size:,}, {threads}"
    made = [
        _by_size(sweep.by_batch_size, by_batch_size, lambda case: case.batch_size),
        _by_size(sweep.by_samples, by_samples, lambda case: case.samples),
        _by_threads(sweep),
    ]
    return [table for table in made if table.lines]


def skipped(sizes: Iterable[Skipped]) -> list[str]:
    """Return a line for each size that was not measured, with the reason."""
    return [f"not measured: {size.reason}" for size in sizes]


def _by_size(rows: Sequence[Row], title: str, size_of: Callable[[Case], int]) -> Table:
    """Return a line for each implementation and a column for each size."""
    sizes = sorted({size_of(row.case) for row in rows})
    cells: dict[str, dict[int, str]] = {}
    for row in rows:
        times = cells.setdefault(_name(row, rows), {})
        times[size_of(row.case)] = numbers.duration_interval(row.epoch)
    lines = [
        [name, *(times.get(size, numbers.ABSENT) for size in sizes)]
        for name, times in cells.items()
    ]
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    return Table(title, headings, lines, 1, NOTE)


def _by_threads(sweep: Sweep) -> Table:
    rows = [pair.single for pair in sweep.by_threads]
    lines = [
        [
            _name(pair.single, rows),
            f"{pair.single.case.batch_size:,}",
            f"{pair.single.case.samples:,}",
            f"{pair.multiple.case.threads}",
            numbers.duration_interval(pair.single.epoch),
            numbers.duration_interval(pair.multiple.epoch),
            numbers.factor(pair.speedup),
        ]
        for pair in sweep.by_threads
    ]
    headings = (
        "implementation",
        "batch size",
        "samples",
        "threads",
        "one thread",
        "these threads",
        "speedup",
    )
    return Table("Epoch time by threads", headings, lines, 1, f"{NOTE} {THREADS_NOTE}")


def _name(row: Row, rows: Iterable[Row]) -> str:
    """Name an implementation, and its device where there are several."""
    several = len({other.case.device for other in rows}) > 1
    name = row.case.implementation
    return f"{name} ({row.case.device})" if several else name
