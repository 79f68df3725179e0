"""Epoch times by batch size, samples and threads."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from bench.analysis.devices import Crossover
from bench.analysis.summary import Row
from bench.analysis.sweep import Sweep
from bench.records.schema import Case
from bench.report.charts.scaling import chart_by_batch_size, chart_by_samples, chart_by_threads
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table

TITLE = "Batch size, samples and threads"
NO_SWEEP = (
    "Not part of this run: `python -m bench run --sweep` varies batch size, threads and samples."
)
NO_GPU = "No GPU was measured; a sweep with --device cpu,gpu shows from which size on it pays."
NOTE = "In brackets: the 95 % interval. A time without an interval was measured once."
THREADS_NOTE = (
    "Speedup: the time with one thread over the time with these threads, in the rounds that have "
    "both."
)


def describe_sweep(run: LoadedRun, sweep: Sweep | None, crossovers: Sequence[Crossover]) -> Section:
    """Return a table and a chart for each axis that was varied."""
    remarks = [f"not measured: {size.reason}" for size in run.run.skipped]
    if sweep is None:
        return Section(TITLE, empty=NO_SWEEP, remarks=remarks)
    pictures = []
    if sweep.by_batch_size:
        title = f"Throughput over the batch size, {sweep.samples:,} samples"
        draw = partial(chart_by_batch_size, sweep, crossovers, title)
        pictures.append(Picture("growth-batch-size", title, draw))
    if sweep.by_samples:
        title = f"Epoch time over the samples, batch size {sweep.batch_size:,}"
        pictures.append(Picture("growth-samples", title, partial(chart_by_samples, sweep, title)))
    if any(pair.speedup for pair in sweep.by_threads):
        title = "Speedup over one thread"
        pictures.append(Picture("growth-threads", title, partial(chart_by_threads, sweep, title)))
    if not run.on_gpu:
        remarks.append(NO_GPU)
    return Section(TITLE, tabulate_sweep(sweep), NO_SWEEP, pictures, remarks)


def tabulate_sweep(sweep: Sweep) -> list[Table]:
    """Return a table for each axis that was varied."""
    threads = numbers.format_threads(sweep.threads)
    by_batch_size = f"Epoch time by batch size: {sweep.samples:,} samples, {threads}"
    by_samples = f"Epoch time by samples: batch size {sweep.batch_size:,}, {threads}"
    tables = [
        _tabulate_sizes(sweep.by_batch_size, by_batch_size, lambda case: case.batch_size),
        _tabulate_sizes(sweep.by_samples, by_samples, lambda case: case.samples),
        _tabulate_threads(sweep),
    ]
    return [table for table in tables if table.lines]


def _tabulate_sizes(rows: Sequence[Row], title: str, size_of: Callable[[Case], int]) -> Table:
    """Return a line for each implementation and a column for each size."""
    sizes = sorted({size_of(row.case) for row in rows})
    cells: dict[str, dict[int, str]] = {}
    for row in rows:
        times = cells.setdefault(_name(row, rows), {})
        times[size_of(row.case)] = numbers.format_duration(row.epoch)
    lines = [
        [name, *(times.get(size, numbers.ABSENT) for size in sizes)]
        for name, times in cells.items()
    ]
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    return Table(title, headings, lines, 1, NOTE)


def _tabulate_threads(sweep: Sweep) -> Table:
    rows = [pair.single for pair in sweep.by_threads]
    lines = [
        [
            _name(pair.single, rows),
            f"{pair.single.case.batch_size:,}",
            f"{pair.single.case.samples:,}",
            f"{pair.multiple.case.threads}",
            numbers.format_duration(pair.single.epoch),
            numbers.format_duration(pair.multiple.epoch),
            numbers.format_factor(pair.speedup),
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
    """Name an implementation, with its device if the rows have several."""
    devices = {other.case.device for other in rows}
    name = row.case.implementation
    return f"{name} ({row.case.device})" if len(devices) > 1 else name
