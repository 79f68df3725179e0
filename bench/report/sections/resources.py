"""What the machine can do at best, and the memory that each implementation takes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial

from bench.analysis.roofline import Resources, Roofline, find_rooflines
from bench.analysis.speed import adjust_epochs
from bench.analysis.summary import MEMORY_PHASES, Memory, Row, summarize_memory
from bench.records.schema import Record, RooflineRecord
from bench.report.charts.epochs import chart_memory
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import add_threads, describe_problem, select_ranked

ROOFLINE_TITLE = "How far from what the machine can do?"
NO_PROBE = "The machine was not probed: leave out `--no-roofline`."
ROOFLINE_NOTE = (
    "The best of all probes in their fastest repetitions, at the run's mean speed. The bandwidth "
    "is for reading as many float32 images as an epoch of the tables has. The least time of an "
    "epoch is the longest of three: its operations at this rate, its images read once, and on a "
    "GPU its steps one after the other. It differs between rows: some keep a pixel in one byte, "
    "and the reference kernel may have shown another speed of the CPU while a row was measured. "
    "*% of roofline* in the tables is that time over the epoch's."
)
MEMORY_NOTE = (
    "Peak of the resident memory up to the end of each phase. The data are mapped into memory and "
    "count from the phase *data* on."
)


def describe_roofline(run: LoadedRun) -> Section:
    """Return what the probes of a run reached, and the least time of an epoch."""
    # Older environments do not give the number of features.
    recorded = (environment.data.get("features") for environment in run.environments.values())
    features = next((number for number in recorded if isinstance(number, int)), None)
    rooflines = find_rooflines(run.records, adjust_epochs(run.records))
    tables = tabulate_roofline(rooflines, run.base_rows, features)
    empty = "No probe succeeded." if run.run.rooflines else NO_PROBE
    return Section(ROOFLINE_TITLE, tables, empty, remarks=list_failed_probes(run.records))


def tabulate_roofline(
    rooflines: Mapping[Resources, Roofline], rows: Iterable[Row], features: int | None
) -> list[Table]:
    """Return what the machine can do, a line for each device and number of threads.

    rows: the bandwidth and the least times are for their epochs. features: pixels of an image.
    """
    by_resources: dict[Resources, list[Row]] = defaultdict(list)
    for row in rows:
        by_resources[row.case.device, row.case.threads].append(row)
    lines = []
    for resources, roofline in sorted(rooflines.items()):
        group = by_resources[resources]
        size = 4 * group[0].case.samples * features if group and features else 0
        least = [row.roofline_seconds for row in group if row.roofline_seconds is not None]
        range_of_least = (numbers.format_duration(end(least, default=None)) for end in (min, max))
        bandwidth = [numbers.ABSENT, numbers.ABSENT]
        if size in roofline.bandwidth:
            rate = f"{numbers.format_number(roofline.bandwidth[size] / 1e9)} GB/s"
            bandwidth = [rate, roofline.bandwidth_by[size]]
        lines.append(
            [
                *map(str, resources),
                f"{numbers.format_number(roofline.rate / 1e9)} GFLOP/s",
                roofline.rate_by,
                *bandwidth,
                numbers.format_duration(roofline.step),
                " to ".join(dict.fromkeys(range_of_least)),
            ]
        )
    headings = (
        "device",
        "threads",
        "matrix product",
        "by",
        "bandwidth",
        "by",
        "a step",
        "least epoch",
    )
    return [Table("The roofline", headings, lines, 1, ROOFLINE_NOTE)] if lines else []


def list_failed_probes(records: Iterable[Record]) -> list[str]:
    """Return a line for each probe that failed, with the reason."""
    lines = [
        f"{case.implementation}, {case.device}, {numbers.format_threads(case.threads)}: "
        f"{record.status}, {record.reason or 'no reason was given'}"
        for record in records
        if isinstance(record, RooflineRecord) and record.status not in {"ok", "interrupted"}
        for case in [record.case]
    ]
    return list(dict.fromkeys(lines))


def describe_memory(run: LoadedRun) -> Section:
    """Return the peak memory of the ranked rows of the first workload at its first size."""
    title = "Peak memory by phase"
    ranked = {row.case.slug for row in select_ranked(run.rows, run.workload)}
    memories = sorted(
        summarize_memory(record for record in run.records if record.case.slug in ranked),
        key=lambda memory: max(memory.peaks.values(), default=0.0),
    )
    pictures = [Picture("memory", title, partial(chart_memory, memories, title))] * bool(memories)
    return Section("Memory", tabulate_memory(memories), "No record has it.", pictures)


def tabulate_memory(memories: Iterable[Memory]) -> list[Table]:
    """Return the peaks by phase, a table for each device."""
    by_device: dict[str, list[Memory]] = {"cpu": [], "gpu": []}
    for memory in memories:
        by_device[memory.case.device].append(memory)
    tables = []
    for group in filter(None, by_device.values()):
        phases = [
            phase for phase in MEMORY_PHASES if any(phase in memory.peaks for memory in group)
        ]
        lines = [
            [
                add_threads(memory.case.implementation, memory.case),
                *(numbers.format_mebibytes(memory.peaks.get(phase)) for phase in phases),
            ]
            for memory in group
        ]
        title = f"Peak memory by phase: {describe_problem(group[0])}"
        tables.append(Table(title, ("implementation", *phases), lines, 1, MEMORY_NOTE))
    return tables
