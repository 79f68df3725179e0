"""The sections of a report that follow its comparisons, each with its tables and charts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import dataset, prepared, startup
from bench.ceiling import ceilings
from bench.crossover import Crossover, crossovers
from bench.curve import curves
from bench.dataset import Dataset
from bench.error import DataError
from bench.learned import Learned, confusion, learned
from bench.memory import memories
from bench.report import (
    charts,
    curve_charts,
    data_charts,
    growth,
    growth_charts,
    learned_charts,
    limits,
    parity,
    parity_charts,
    starts,
    thread_charts,
)
from bench.report import curves as curve_tables
from bench.report import devices as device_tables
from bench.report import learned as learned_tables
from bench.report.loaded import Loaded
from bench.report.tables import Table, measured, workloads
from bench.result import Record
from bench.scaling import Scaling, scalings, usual_batch_size, usual_samples
from bench.startup import TARGET

NO_CEILING = "The machine was not probed: leave out `--no-ceiling`."
SWEEP = (
    "Not part of this run: `python -m bench run --sweep` varies batch size, threads and samples."
)
NO_GPU = "no GPU was measured; with --device cpu,gpu a sweep shows from where on it pays"
NO_DATA = (
    "The data are not prepared here: `python -m bench data{}` prepares them for the next report."
)
NOT_SQUARE = "the images are not square and cannot be drawn"
NO_PARAMS = "No params of a ranked row are kept in the run's folder, in `params/`."


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
    grown = scalings(found.rows, found.workload)
    crossed = crossovers(found.rows, found.workload)
    return [
        *_devices(found, grown, crossed), _curves(found), _starts(found, target), _limits(found),
        _growth(found, grown, crossed), _parity(found), _memory(found), *_studied(found),
    ]  # fmt: skip


def _devices(
    found: Loaded, grown: Sequence[Scaling], crossed: Sequence[Crossover]
) -> Iterator[Section]:
    """Show the CPU against the GPU, where a GPU was tried."""
    if found.on_gpu:
        tables, remarks = device_tables.shown(found, grown, crossed)
        yield Section("CPU against GPU", tables, device_tables.NONE_WELL, remarks=remarks)


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


def _curves(found: Loaded) -> Section:
    tables, pictures = [], []
    for workload in workloads(found.rows):
        drawn = curves(_compared(found, workload), found.run)
        tables += curve_tables.tables(drawn, workload)
        title = f"Accuracy against time from a cold start, workload {workload}"
        if drawn:
            pictures.append(_picture(f"accuracy-{workload}", title, curve_charts.over_time, drawn))
    return Section("Accuracy against time", tables, "No trial went well.", pictures)


def _compared(found: Loaded, workload: str) -> list[Record]:
    """Return the records of what a workload's table ranks."""
    ranked = {row.case.slug for row in measured(found.rows, workload)}
    return [record for record in found.records if record.case.slug in ranked]


def _picture(name: str, title: str, chart: Callable[..., Any], *of: object) -> Picture:
    """Return a chart of these things under its own title."""
    return Picture(name, title, lambda: chart(*of, title))


def _growth(found: Loaded, grown: Sequence[Scaling], crossed: Sequence[Crossover]) -> Section:
    remarks = growth.skipped(found.run.skipped)
    return Section(
        "How the cost grows", growth.tables(grown), SWEEP, _pictures(grown, crossed),
        remarks if found.on_gpu or not grown else [*remarks, NO_GPU],
    )  # fmt: skip


def _pictures(grown: Sequence[Scaling], crossed: Sequence[Crossover]) -> list[Picture]:
    """Return a chart for each size that was varied."""
    if not grown:
        return []
    rows = growth.rows_of(grown)
    samples, batch_size = usual_samples(rows), usual_batch_size(rows)
    varied = (
        len(growth.batch_sizes(grown)) > 1,
        len(growth.sample_sizes(grown)) > 1,
        any(each.threading for each in grown),
    )
    drawn = (
        _picture("growth-batch-size", f"Throughput over the batch size, {samples:,} samples",
                 growth_charts.by_batch_size, grown, samples, crossed),
        _picture("growth-samples", f"Epoch time over the samples, batch size {batch_size:,}",
                 growth_charts.by_samples, grown, batch_size),
        _picture("growth-threads", "What more threads bring", thread_charts.by_threads, grown),
    )  # fmt: skip
    return [picture for picture, there in zip(drawn, varied, strict=True) if there]


def _parity(found: Loaded) -> Section:
    """Show the errors of every row that was judged, those that failed by them too."""
    limits, tables, pictures = parity.tolerances(found.records), [], []
    for workload in workloads(found.rows) if limits else ():
        judged = parity.judged(found.rows, workload)
        tables += parity.tables(judged, workload, limits[0])
        title = f"Parity errors, workload {workload}"
        if any(map(parity_charts.placed, judged)):
            drawn = _picture(f"parity-{workload}", title, parity_charts.errors, judged, limits)
            pictures.append(drawn)
    return Section("Do they compute the same?", tables, "No trial was judged.", pictures)


def _memory(found: Loaded) -> Section:
    """Show the memory of what the tables compare, and how it grows from there."""
    ranked = {row.case.slug for row in found.rows if row.ranked}
    records = [one for one in found.records
               if one.case.slug in ranked and one.case.workload == found.workload]  # fmt: skip
    base = [row.case for row in found.base if not row.swept]
    known, title = memories(records), "Peak memory by phase"
    shown = limits.of_cases(known, base)
    picture = Picture("memory", title, lambda: charts.memory(shown, title))
    by_device = ([one for one in known if one.case.device == each] for each in ("cpu", "gpu"))
    tables = [table for here in by_device for table in limits.memory(here, base)]
    return Section("Memory", tables, "No record tells it.", [picture] if shown else [])


def _studied(found: Loaded) -> Iterator[Section]:
    """Show the data, and what was learned of them, where they are prepared here."""
    data = _data(found)
    titles = ("The data", "What the classifiers learned")
    if isinstance(data, str):
        yield from (Section(title, [], data) for title in titles)
        return
    yield _shown(data, titles[0])
    # Those of the same problem first: the first of them is what the others are held against.
    cases = sorted((row.case for row in measured(found.rows, found.workload)),
                   key=lambda case: case.objective != "softmax")  # fmt: skip
    records = _compared(found, found.workload)
    kept = learned(found.folder, cases, records, data) if found.folder else []
    yield _learned(kept, data, titles[1]) if kept else Section(titles[1], [], NO_PARAMS)


def _data(found: Loaded) -> Dataset | str:
    """Return the data that a run was measured on, or how to have them here."""
    known = [one.data for one in found.environments.values() if one.data.get("sha256")]
    told = {str(data["sha256"]): data for data in known}
    if len(told) != 1:
        return "No record tells of one data set."
    (data,) = told.values()
    options = {"fashion-mnist": "", "digits": " --data digits"}
    absent = NO_DATA.format(options.get(str(data.get("name")), " --data DIR"))
    try:
        return dataset.prepared(data["sha256"]) or absent
    except DataError:
        return absent


def _shown(data: Dataset, title: str) -> Section:
    parts: tuple[prepared.Part, ...] = ("train", "validation", "test")
    labels = {part: prepared.read_labels(data.folder, part) for part in parts}
    images, first = prepared.read_first(data.folder, 10)
    picture = _picture(
        "data", f"The first {len(images)} images",
        data_charts.first_images, images, [data.class_names[label] for label in first],
    )  # fmt: skip
    return Section(
        title, [learned_tables.counts(labels, data.class_names)], "",
        [picture] if data_charts.side(data.features) else [],
        [] if data_charts.side(data.features) else [NOT_SQUARE],
    )  # fmt: skip


def _learned(kept: Sequence[Learned], data: Dataset, title: str) -> Section:
    labels, best = prepared.read_labels(data.folder, "test"), kept[0]
    counted = confusion(labels, best.predicted, data.classes)
    pictures = [
        _picture("weights", "The weights of each class", learned_charts.weights, kept,
                 data.class_names),
        _picture("confusion", f"Test images by class and prediction of {best.case.implementation}",
                 learned_charts.confusion, counted, data.class_names),
    ]  # fmt: skip
    tables = [learned_tables.differences(kept, labels),
              learned_tables.confusions(counted, data.class_names)]  # fmt: skip
    drawn = pictures[not data_charts.side(data.features) :]
    return Section(title, tables, "", drawn, learned_tables.agreement(kept))
