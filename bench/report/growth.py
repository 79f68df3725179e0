"""How epochs grow with batch size, samples and threads, as tables of text."""

from collections.abc import Callable, Iterable, Sequence

from bench.growth import Cliff, Cost
from bench.report import numbers
from bench.report.tables import Table
from bench.result import Case, Skipped
from bench.scaling import Scaling

COST_NOTE = (
    "An epoch takes what every epoch costs, what every step costs times the steps, and what every "
    "sample costs times the samples; in brackets 95 % t intervals of the fit. A cliff is a size "
    "whose epoch is more than 1.2 times off the model; it is left out of the fit. "
    "docs/methodology.md explains those that are known."
)
SAMPLES_NOTE = "Exponent: 1 where twice the samples take twice as long; with its 95 % interval."
THREADS_NOTE = (
    "Efficiency: the time with one thread over the threads times the time with all; 100 % where "
    "two cores halve the time."
)


def tables(scalings: Sequence[Scaling]) -> list[Table]:
    """Return every table that these measurements fill; none where nothing was varied."""
    if not scalings:
        return []
    found = [_batch_sizes(scalings), _costs(scalings), _samples(scalings), _threads(scalings)]
    return [table for table in found if table is not None]


def skipped(sizes: Iterable[Skipped]) -> list[str]:
    """Say in a line each which sizes were not measured, and why."""
    return [f"batch size {each.batch_size:,} at {each.samples:,} samples: {each.reason}"
            for each in sizes]  # fmt: skip


def _batch_sizes(scalings: Sequence[Scaling]) -> Table | None:
    threads, samples = _most(scalings, "threads"), usual_samples(scalings)
    sizes = _values(scalings, "batch_size", lambda case: (case.threads, case.samples)
                    == (threads, samples))  # fmt: skip
    lines = [
        [each.name, *(_epoch(each, size, threads, samples) for size in sizes)] for each in scalings
    ]
    title = f"Epoch time by batch size: {samples:,} samples, {threads} thread{'s' * (threads > 1)}"
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    return Table(title, headings, _filled(lines), 1) if len(sizes) > 1 else None


def _costs(scalings: Sequence[Scaling]) -> Table | None:
    lines = [_cost(each.name, each.cost) for each in scalings if each.cost]
    headings = ("implementation", "cliffs", "an epoch", "a step", "a sample", "sizes")
    title = "What an epoch, a step and a sample cost"
    return Table(title, headings, lines, 2, COST_NOTE) if lines else None


def _cost(name: str, found: Cost) -> list[str]:
    parts = (found.epoch, found.step, found.sample)
    cliffs = "; ".join(map(_cliff, found.cliffs)) or "none"
    times = [numbers.duration_interval(part) if part else numbers.ABSENT for part in parts]
    return [name, cliffs, *times, str(found.points)]


def _cliff(found: Cliff) -> str:
    size = found.point.samples // found.point.steps
    return (
        f"batch size {size:,} at {found.point.samples:,} samples: "
        f"{numbers.significant(found.times)} times the model"
    )


def _samples(scalings: Sequence[Scaling]) -> Table | None:
    grown = [each for each in scalings if each.exponent]
    if not grown:
        return None
    threads, batch_size = _most(grown, "threads"), usual_batch_size(grown)
    sizes = _values(grown, "samples", lambda case: (case.threads, case.batch_size)
                    == (threads, batch_size))  # fmt: skip
    lines = [
        [each.name, *(_epoch(each, batch_size, threads, size) for size in sizes),
         numbers.factor(each.exponent)]
        for each in grown
    ]  # fmt: skip
    headings = ("implementation", *(f"{size:,}" for size in sizes), "exponent")
    title = f"Epoch time by samples: batch size {batch_size:,}"
    return Table(title, headings, lines, 1, SAMPLES_NOTE)


def _threads(scalings: Sequence[Scaling]) -> Table | None:
    lines = [
        [each.name, f"{pair.one.case.batch_size:,}", str(pair.many.case.threads),
         numbers.duration_interval(pair.one.epoch), numbers.duration_interval(pair.many.epoch),
         numbers.percent_interval(pair.efficiency)]
        for each in scalings for pair in each.threading
    ]  # fmt: skip
    headings = ("implementation", "batch size", "threads", "one thread", "all threads",
                "efficiency")  # fmt: skip
    return Table("Threading efficiency", headings, lines, 1, THREADS_NOTE) if lines else None


def _epoch(scaling: Scaling, batch_size: int, threads: int, samples: int) -> str:
    row = scaling.at(batch_size, threads, samples)
    return numbers.duration(row.epoch.mean if row and row.epoch else None)


def varied(scalings: Sequence[Scaling], name: str) -> bool:
    """Tell whether batch size or samples, by its name, has more than one value."""
    return len(_values(scalings, name, lambda _: True)) > 1


def _most(scalings: Sequence[Scaling], name: str) -> int:
    return max(int(getattr(row.case, name)) for each in scalings for row in each.rows)


def usual_samples(scalings: Sequence[Scaling]) -> int:
    """Return the number of samples that was measured at most batch sizes."""
    pairs = {(row.case.samples, row.case.batch_size) for each in scalings for row in each.rows}
    samples = sorted(size for size, _ in pairs)
    return max(samples, key=samples.count)


def usual_batch_size(scalings: Sequence[Scaling]) -> int:
    """Return the batch size that was measured with most numbers of samples."""
    pairs = {(row.case.batch_size, row.case.samples) for each in scalings for row in each.rows}
    sizes = sorted(size for size, _ in pairs)
    return max(sizes, key=sizes.count)


def _values(scalings: Sequence[Scaling], name: str, chosen: Callable[[Case], bool]) -> list[int]:
    return sorted({int(getattr(row.case, name)) for each in scalings for row in each.rows
                   if chosen(row.case)})  # fmt: skip


def _filled(lines: Iterable[list[str]]) -> list[list[str]]:
    """Leave out what was measured at none of a table's sizes."""
    return [line for line in lines if set(line[1:]) != {numbers.ABSENT}]
