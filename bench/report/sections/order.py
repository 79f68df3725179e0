"""The sections of a report that follow its comparisons, each with its tables and charts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis import startup, weights
from bench.analysis.crossover import Crossover, find_device_crossovers
from bench.analysis.memory import summarize_memory
from bench.analysis.roofline import find_rooflines
from bench.analysis.startup import TARGET, find_curves
from bench.analysis.sweep import Sweep, find_sweep
from bench.data import dataset
from bench.data.dataset import Dataset
from bench.errors import DataError
from bench.records.schema import Case, Record
from bench.report.charts import accuracy, epochs
from bench.report.charts import images as data_charts
from bench.report.charts import parity as parity_charts
from bench.report.charts import scaling as scaling_charts
from bench.report.load import Loaded
from bench.report.sections import curves as curve_tables
from bench.report.sections import data as learned_tables
from bench.report.sections import gpu as device_tables
from bench.report.sections import parity, scaling
from bench.report.sections import resources as limits
from bench.report.sections import startup as starts
from bench.report.sections.comparison import Table, measured, workloads
from bench.worker import data as prepared

NO_CEILING = "The machine was not probed: leave out `--no-ceiling`."
SWEEP = (
    "Not part of this run: `python -m bench run --sweep` varies batch size, threads and samples."
)
NO_GPU = "no GPU was measured; with --device cpu,gpu a sweep shows from where on it pays"
NO_DATA = (
    "The data are not prepared here: `python -m bench data{}` prepares them for the next report."
)
NOT_SQUARE = "the images are not square and cannot be drawn"
NO_SOFTMAX = "No softmax implementation is ranked."
LEARNED = (
    "The weights are the oracle's, in float64, after {} epochs of workload {} at batch size {}. "
    "Every ranked softmax row of this workload has the same weights to within the parity tolerance."
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
    sweep = find_sweep(found.rows, found.workload)
    crossed = find_device_crossovers(found.rows, found.workload)
    return [
        *_devices(found, sweep, crossed), _curves(found), _starts(found, target), _limits(found),
        _sweep(found, sweep, crossed), _parity(found), _memory(found), *_studied(found),
    ]  # fmt: skip


def _devices(found: Loaded, sweep: Sweep | None, crossed: Sequence[Crossover]) -> Iterator[Section]:
    """Show the CPU against the GPU, where a GPU was tried."""
    if found.on_gpu:
        tables, remarks = device_tables.shown(found, sweep, crossed)
        yield Section("CPU against GPU", tables, device_tables.NONE_WELL, remarks=remarks)


def _limits(found: Loaded) -> Section:
    told = [one.data.get("features") for one in found.environments.values()]
    known = [each for each in told if isinstance(each, int)]  # older environments do not tell it
    return Section(
        "How far from what the machine can do?",
        limits.ceilings(find_rooflines(found.records), found.base, next(iter(known), None)),
        "No probe went well." if found.run.ceilings else NO_CEILING,
        remarks=limits.absent(found.records),
    )


def _starts(found: Loaded, target: float) -> Section:
    # The first workload has the rounds; with one of them nothing could be told. What no table ranks
    # has no place here either, were it only too fast for the machine.
    rows = [row for row in found.rows if not row.swept and row.case.workload == found.workload]
    ranked = {row.case.slug for row in rows if row.ranked}
    records = [one for one in found.records if one.case.slug in ranked]
    begun, run = startup.find_starts(records, found.run), found.run
    return Section(
        "What it costs to start, and when it pays",
        [
            *starts.costs(begun),
            *starts.reached(startup.find_times_to_accuracy(records, target, run)),
            *starts.overtaken(startup.find_break_evens(rows, begun)),
        ],
        "No trial went well.",
    )


def _curves(found: Loaded) -> Section:
    tables, pictures = [], []
    for workload in workloads(found.rows):
        drawn = find_curves(_compared(found, workload), found.run)
        tables += curve_tables.tables(drawn, workload)
        title = f"Accuracy against time from a cold start, workload {workload}"
        if drawn:
            pictures.append(_picture(f"accuracy-{workload}", title, accuracy.over_time, drawn))
    return Section("Accuracy against time", tables, "No trial went well.", pictures)


def _compared(found: Loaded, workload: str) -> list[Record]:
    """Return the records of what a workload's table ranks."""
    ranked = {row.case.slug for row in measured(found.rows, workload)}
    return [record for record in found.records if record.case.slug in ranked]


def _picture(name: str, title: str, chart: Callable[..., Any], *of: object) -> Picture:
    """Return a chart of these things under its own title."""
    return Picture(name, title, lambda: chart(*of, title))


def _sweep(found: Loaded, sweep: Sweep | None, crossed: Sequence[Crossover]) -> Section:
    """Show the epoch times of a sweep: a table and a chart for each axis that was varied."""
    title, remarks = "Batch size, samples and threads", scaling.skipped(found.run.skipped)
    if sweep is None:
        return Section(title, [], SWEEP, remarks=remarks)
    pictures = []
    if sweep.by_batch_size:
        heading = f"Throughput over the batch size, {sweep.samples:,} samples"
        chart = scaling_charts.by_batch_size
        pictures.append(_picture("growth-batch-size", heading, chart, sweep, crossed))
    if sweep.by_samples:
        heading = f"Epoch time over the samples, batch size {sweep.batch_size:,}"
        pictures.append(_picture("growth-samples", heading, scaling_charts.by_samples, sweep))
    if any(pair.speedup for pair in sweep.by_threads):
        heading = "Speedup over one thread"
        pictures.append(_picture("growth-threads", heading, scaling_charts.by_threads, sweep))
    if not found.on_gpu:
        remarks.append(NO_GPU)
    return Section(title, scaling.tables(sweep), SWEEP, pictures, remarks)


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
    """Show the memory of what the tables compare."""
    ranked = {row.case.slug for row in found.rows if row.ranked}
    records = [one for one in found.records
               if one.case.slug in ranked and one.case.workload == found.workload]  # fmt: skip
    base = [row.case for row in found.base if not row.swept]
    known, title = summarize_memory(records), "Peak memory by phase"
    shown = limits.of_cases(known, base)
    picture = Picture("memory", title, lambda: epochs.memory(shown, title))
    by_device = ([one for one in known if one.case.device == each] for each in ("cpu", "gpu"))
    tables = [table for here in by_device for table in limits.memory(here, base)]
    return Section("Memory", tables, "No record tells it.", [picture] if shown else [])


def _studied(found: Loaded) -> Iterator[Section]:
    """Show the data, and what a classifier learns from them, where they are prepared here."""
    data = _data(found)
    titles = ("The data", "What the classifiers learned")
    if isinstance(data, str):
        yield from (Section(title, [], data) for title in titles)
        return
    yield _shown(data, titles[0])
    ranked = [row.case for row in measured(found.rows, found.workload)]
    case = next((case for case in ranked if case.objective == "softmax"), None)
    if case is None:
        yield Section(titles[1], [], NO_SOFTMAX)
    else:
        yield _learned(case, found.run.seed, data, titles[1])


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
        return dataset.find_prepared(data["sha256"]) or absent
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


def _learned(case: Case, seed: int, data: Dataset, title: str) -> Section:
    """Show the weights that training this case gives, and which classes they confuse."""
    solution = weights.train_oracle(case, seed, data)
    counts = weights.count_confusion(solution, data)
    names = data.class_names
    heat_maps = _picture(
        "weights", "The weights of each class", data_charts.weights, solution.weight, names
    )
    confusion = _picture(
        "confusion", "Test images by class and prediction", data_charts.confusion, counts, names
    )
    remark = LEARNED.format(len(weights.compared_epochs(case)), case.workload, case.batch_size)
    pictures = [heat_maps, confusion] if data_charts.side(data.features) else [confusion]
    return Section(title, [learned_tables.confusions(counts, names)], "", pictures, [remark])
