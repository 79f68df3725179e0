"""The sections of a report that follow its comparisons, each with its tables and charts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import startup
from bench.ceiling import ceilings
from bench.memory import memories
from bench.report import charts, growth, growth_charts, limits, starts
from bench.report.loaded import Loaded
from bench.report.tables import Table
from bench.scaling import Scaling, scalings, usual_batch_size, usual_samples
from bench.startup import TARGET

NO_CEILING = "The machine was not probed: leave out `--no-ceiling`."
SWEEP = (
    "Not part of this run: `python -m bench run --sweep` varies batch size, threads and samples."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart: the name of its file, what it shows, and its Altair specification when drawn."""

    name: str
    title: str
    chart: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; ``nothing`` says instead how to fill it."""

    title: str
    tables: Sequence[Table]
    nothing: str
    pictures: Sequence[Picture] = ()
    remarks: Sequence[str] = ()


def sections(found: Loaded, target: float = TARGET) -> list[Section]:
    """Return the sections of a report in their order, empty ones too.

    target: the validation accuracy that training is timed up to.
    """
    return [_limits(found), _starts(found, target), _growth(found), _memory(found)]


def _limits(found: Loaded) -> Section:
    told = [one.data.get("features") for one in found.environments.values()]
    known = [each for each in told if isinstance(each, int)]  # older environments do not tell it
    return Section(
        "How far from what the machine can do?",
        limits.ceilings(ceilings(found.records), found.base, next(iter(known), None)),
        "No probe went well." if found.run.ceilings else NO_CEILING,
        remarks=limits.absent(found.records),
    )


def _starts(found: Loaded, target: float) -> Section:
    # The first workload has the rounds; with one of them nothing could be told. What no table ranks
    # has no place here either, were it only too fast for the machine.
    rows = [row for row in found.rows if not row.swept and row.case.workload == found.workload]
    ranked = {row.case.slug for row in rows if row.ranked}
    records = [one for one in found.records if one.case.slug in ranked]
    begun, run = startup.starts(records, found.run), found.run
    return Section(
        "What it costs to start, and when it pays",
        [
            *starts.costs(begun),
            *starts.reached(startup.reaches(records, target, run)),
            *starts.overtaken(startup.overtakings(rows, begun)),
        ],
        "No trial went well.",
    )


def _growth(found: Loaded) -> Section:
    grown = scalings(found.rows, found.workload)
    return Section(
        "How the cost grows", growth.tables(grown), SWEEP, _pictures(grown),
        growth.skipped(found.run.skipped),
    )  # fmt: skip


def _pictures(grown: Sequence[Scaling]) -> list[Picture]:
    """Return a chart for each size that was varied."""
    if not grown:
        return []
    rows = growth.rows_of(grown)
    samples, batch_size = usual_samples(rows), usual_batch_size(rows)
    titles = (
        f"Epoch time over the batch size, {samples:,} samples",
        f"Epoch time over the samples, batch size {batch_size:,}",
    )
    drawn = (
        Picture("growth-batch-size", titles[0],
                lambda: growth_charts.by_batch_size(grown, samples, titles[0])),
        Picture("growth-samples", titles[1],
                lambda: growth_charts.by_samples(grown, batch_size, titles[1])),
    )  # fmt: skip
    varied = (growth.batch_sizes(grown), growth.sample_sizes(grown))
    return [picture for picture, sizes in zip(drawn, varied, strict=True) if len(sizes) > 1]


def _memory(found: Loaded) -> Section:
    """Show the memory of what the tables compare, and how it grows from there."""
    ranked = {row.case.slug for row in found.rows if row.ranked}
    records = [one for one in found.records
               if one.case.slug in ranked and one.case.workload == found.workload]  # fmt: skip
    base = [row.case for row in found.base if not row.swept]
    known, title = memories(records), "Peak memory by phase"
    shown = limits.of_cases(known, base)
    picture = Picture("memory", title, lambda: charts.memory(shown, title))
    tables = limits.memory(known, base)
    return Section("Memory", tables, "No record tells it.", [picture] if shown else [])
