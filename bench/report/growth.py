"""How epochs grow with batch size, samples and threads, as tables of text."""

from collections.abc import Iterable, Sequence

from bench.growth import Cliff
from bench.report import numbers
from bench.report.tables import Table
from bench.result import Skipped
from bench.scaling import Scaling, most_threads, usual_batch_size, usual_samples
from bench.summary import Row

COST_NOTE = (
    "An epoch takes what every epoch costs, what every step costs times the steps, and what every "
    "sample costs times the samples; in brackets 95 % t intervals of the fit. A cliff is a size "
    "whose epoch is more than 1.2 times off the model; it is left out of the fit. "
    "A size that one process measured may be off by the luck of that process. docs/cliffs.md "
    "explains those that are known."
)
SAMPLES_NOTE = "Exponent: 1 where twice the samples take twice as long; with its 95 % interval."
THREADS_NOTE = (
    "Efficiency: the time with one thread over the threads times the time with so many; 100 % "
    "where two cores halve the time."
)


def tables(scalings: Sequence[Scaling]) -> list[Table]:
    """Return every table that these measurements fill; none where nothing was varied."""
    if not scalings:
        return []
    found = [_batch_sizes(scalings), _costs(scalings), _samples(scalings), _threads(scalings)]
    return [table for table in found if table is not None]


def skipped(sizes: Iterable[Skipped]) -> list[str]:
    """Say in a line each which sizes were not measured, and why."""
    return [f"not measured: {each.reason}" for each in sizes]


def batch_sizes(scalings: Sequence[Scaling]) -> list[int]:
    """Return the batch sizes that were measured with the usual samples and the most threads."""
    rows = rows_of(scalings)
    same = (most_threads(rows), usual_samples(rows))
    return sorted({row.case.batch_size for row in rows
                   if (row.case.threads, row.case.samples) == same})  # fmt: skip


def sample_sizes(scalings: Sequence[Scaling]) -> list[int]:
    """Return the samples that were measured at the usual batch size with the most threads."""
    rows = rows_of(scalings)
    same = (most_threads(rows), usual_batch_size(rows))
    return sorted({row.case.samples for row in rows
                   if (row.case.threads, row.case.batch_size) == same})  # fmt: skip


def rows_of(scalings: Iterable[Scaling]) -> list[Row]:
    """Return every row of them all."""
    return [row for each in scalings for row in each.rows]


def _named(each: Scaling, scalings: Iterable[Scaling]) -> str:
    """Name an implementation, and its device where there are several."""
    several = len({one.device for one in scalings}) > 1
    return f"{each.name} ({each.device})" if several else each.name


def _batch_sizes(scalings: Sequence[Scaling]) -> Table | None:
    rows, sizes = rows_of(scalings), batch_sizes(scalings)
    threads, samples = most_threads(rows), usual_samples(rows)
    lines = [
        [_named(each, scalings), *(_epoch(each, size, threads, samples) for size in sizes)]
        for each in scalings
    ]
    title = f"Epoch time by batch size: {samples:,} samples, {_threaded(threads)}"
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    return Table(title, headings, _filled(lines), 1) if len(sizes) > 1 else None


def _threaded(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"


def _costs(scalings: Sequence[Scaling]) -> Table | None:
    threads = most_threads(rows_of(scalings))
    lines = [[_named(each, scalings), *_cost(each, threads)] for each in scalings]
    headings = ("implementation", "cliffs", "an epoch", "a step", "a sample", "sizes")
    title = f"What an epoch, a step and a sample cost, {_threaded(threads)}"
    told = any(each.cost for each in scalings)
    return Table(title, headings, lines, 2, COST_NOTE) if told else None


def _cost(of: Scaling, threads: int) -> list[str]:
    found = of.cost
    if found is None:
        sizes = sum(row.case.threads == threads for row in of.rows)
        return ["no model fits", *[numbers.ABSENT] * 3, str(sizes)]
    parts = (found.epoch, found.step, found.sample)
    cliffs = "; ".join(map(_cliff, found.cliffs)) or "none"
    times = [numbers.duration_interval(part) for part in parts]
    return [cliffs, *times, str(found.points)]


def _cliff(found: Cliff) -> str:
    size = found.point.samples // found.point.steps
    return (
        f"batch size {size:,} at {found.point.samples:,} samples: "
        f"{numbers.significant(found.times)} times the model"
    )


def _samples(scalings: Sequence[Scaling]) -> Table | None:
    rows, sizes = rows_of(scalings), sample_sizes(scalings)
    threads, batch_size = most_threads(rows), usual_batch_size(rows)
    lines = [
        [_named(each, scalings), *(_epoch(each, batch_size, threads, size) for size in sizes),
         numbers.factor(each.exponent)]
        for each in scalings
    ]  # fmt: skip
    headings = ("implementation", *(f"{size:,}" for size in sizes), "exponent")
    title = f"Epoch time by samples: batch size {batch_size:,}, {_threaded(threads)}"
    return Table(title, headings, _filled(lines), 1, SAMPLES_NOTE) if len(sizes) > 1 else None


def _threads(scalings: Sequence[Scaling]) -> Table | None:
    lines = [
        [_named(each, scalings), f"{pair.one.case.batch_size:,}", f"{pair.one.case.samples:,}",
         str(pair.many.case.threads),
         numbers.duration_interval(pair.one.epoch), numbers.duration_interval(pair.many.epoch),
         numbers.percent_interval(pair.efficiency)]
        for each in scalings for pair in each.threading
    ]  # fmt: skip
    headings = ("implementation", "batch size", "samples", "threads", "one thread", "so many",
                "efficiency")  # fmt: skip
    return Table("Threading efficiency", headings, lines, 1, THREADS_NOTE) if lines else None


def _epoch(scaling: Scaling, batch_size: int, threads: int, samples: int) -> str:
    row = scaling.at(batch_size, threads, samples)
    return numbers.duration(row.epoch.mean if row and row.epoch else None)


def _filled(lines: Iterable[list[str]]) -> list[list[str]]:
    """Leave out what was measured at none of a table's sizes."""
    return [line for line in lines if set(line[1:]) != {numbers.ABSENT}]
