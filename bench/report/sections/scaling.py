"""Epoch times by batch size, samples and threads."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from bench.analysis.devices import Crossover
from bench.analysis.summary import Row
from bench.analysis.sweep import Sweep, ThreadSpeedup, find_thread_speedups
from bench.records.schema import Case
from bench.report.charts.scaling import chart_by_batch_size, chart_by_samples, chart_by_threads
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import add_threads, describe_status
from bench.runner.pilot import MIN_GAIN

TITLE = "Batch size, samples and threads"
NO_SWEEP = (
    "Not part of this run: `python -m bench run --sweep` varies batch size and samples, and "
    "`--threads 1,all` the threads."
)
NO_GPU = "No GPU was measured; a sweep with --device cpu,gpu shows from which size on it pays."
NOTE = "In brackets: the 95 % interval. A time without an interval was measured once."
CHOSEN_NOTE = "In round brackets: the threads that the pilot chose."
THREADS_NOTE = (
    "Speedup: the time with one thread over the time with these threads, round by round. Rows that "
    "were not measured in the same rounds are left out."
)
PILOT_NOTE = (
    "Speedup: the time with one thread over the time with these threads, of the pilot's short "
    "processes, one for each. They only choose the threads of the rows: no other table has them. "
    f"More threads are chosen where they save more than {MIN_GAIN:.0%} of the time."
).replace("%", " %")


def describe_sweep(run: LoadedRun, sweep: Sweep | None, crossovers: Sequence[Crossover]) -> Section:
    """Return a table and a chart for each axis that was varied."""
    remarks = [f"not measured: {size.reason}" for size in run.run.skipped]
    remarks += [
        f"pilot: {add_threads(row.case.implementation, row.case)}, batch size "
        f"{row.case.batch_size:,}: {describe_status(row)}"
        for row in run.pilot
        if not row.ranked
    ]
    pictures = draw_sizes(sweep, crossovers) if sweep else []
    tables = tabulate_sweep(sweep) if sweep else []
    pilot = find_thread_speedups(run.pilot, run.workload)
    speedups = pilot or find_thread_speedups(run.rows, run.workload)
    if speedups:
        tables.append(tabulate_threads(speedups, PILOT_NOTE if pilot else THREADS_NOTE))
        title = "Speedup over one thread"
        pictures.append(
            Picture("growth-threads", title, partial(chart_by_threads, speedups, title))
        )
    if sweep and not run.on_gpu:
        remarks.append(NO_GPU)
    return Section(TITLE, tables, NO_SWEEP, pictures, remarks)


def draw_sizes(sweep: Sweep, crossovers: Sequence[Crossover]) -> list[Picture]:
    """Return a chart for each size that was varied."""
    pictures = []
    if sweep.by_batch_size:
        title = f"Throughput over the batch size, {sweep.samples:,} samples"
        draw = partial(chart_by_batch_size, sweep, crossovers, title)
        pictures.append(Picture("growth-batch-size", title, draw))
    if sweep.by_samples:
        title = f"Epoch time over the samples, batch size {sweep.batch_size:,}"
        pictures.append(Picture("growth-samples", title, partial(chart_by_samples, sweep, title)))
    return pictures


def tabulate_sweep(sweep: Sweep) -> list[Table]:
    """Return a table for each size that was varied."""
    by_batch_size = f"Epoch time by batch size: {sweep.samples:,} samples"
    by_samples = f"Epoch time by samples: batch size {sweep.batch_size:,}"
    tables = [
        _tabulate_sizes(sweep.by_batch_size, by_batch_size, lambda case: case.batch_size),
        _tabulate_sizes(sweep.by_samples, by_samples, lambda case: case.samples),
    ]
    return [table for table in tables if table.lines]


def _tabulate_sizes(rows: Sequence[Row], title: str, size_of: Callable[[Case], int]) -> Table:
    """Return a line for each implementation and a column for each size."""
    chosen = any(row.case.tried_threads for row in rows)
    if rows and not chosen:
        title = f"{title}, {numbers.format_threads(rows[0].case.threads)}"
    sizes = sorted({size_of(row.case) for row in rows})
    cells: dict[str, dict[int, str]] = {}
    for row in rows:
        times = cells.setdefault(_name(row, rows), {})
        threads = f" ({row.case.threads})" * chosen
        times[size_of(row.case)] = numbers.format_duration(row.epoch) + threads
    lines = [
        [name, *(times.get(size, numbers.ABSENT) for size in sizes)]
        for name, times in cells.items()
    ]
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    return Table(title, headings, lines, 1, f"{NOTE} {CHOSEN_NOTE}" if chosen else NOTE)


def tabulate_threads(speedups: Sequence[ThreadSpeedup], note: str) -> Table:
    """Return a line for each problem and number of threads."""
    rows = [pair.single for pair in speedups]
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
        for pair in speedups
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
    return Table("Epoch time by threads", headings, lines, 1, f"{NOTE} {note}")


def _name(row: Row, rows: Iterable[Row]) -> str:
    """Name an implementation, with its device if the rows have several."""
    devices = {other.case.device for other in rows}
    name = row.case.implementation
    return f"{name} ({row.case.device})" if len(devices) > 1 else name
