"""What the machine can do at best, and the memory that each implementation takes."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from bench.analysis.roofline import Resources, Roofline, find_rooflines
from bench.analysis.summary import MEMORY_PHASES, Memory, Row, summarize_memory
from bench.records.schema import Case, Record, RooflineRecord
from bench.report.charts.epochs import chart_memory
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.comparison import describe_problem

ROOFLINE_TITLE = "How far from what the machine can do?"
NO_PROBE = "The machine was not probed: leave out `--no-roofline`."
ROOFLINE_NOTE = (
    "The best of all probes in their fastest repetitions. The bandwidth is for reading as many "
    "images as an epoch of the tables has. The least time of an epoch is the longest of three: "
    "its operations at this rate, its images read once at this bandwidth, and on a GPU its steps "
    "one after the other. *% of roofline* in the tables is that time over the epoch's."
)
MEMORY_NOTE = (
    "Peak of the resident memory up to the end of each phase. The data are mapped into memory and "
    "count from the phase *data* on."
)


def describe_roofline(run: LoadedRun) -> Section:
    """Return what the probes of a run reached, and the least time of an epoch."""
    known = [one.data.get("features") for one in run.environments.values()]
    # Older environments do not give the number of features.
    features = next((number for number in known if isinstance(number, int)), None)
    tables = tabulate_roofline(find_rooflines(run.records), run.base_rows, features)
    empty = "No probe succeeded." if run.run.rooflines else NO_PROBE
    return Section(ROOFLINE_TITLE, tables, empty, remarks=list_failed_probes(run.records))


def tabulate_roofline(
    rooflines: Mapping[Resources, Roofline], rows: Iterable[Row], features: int | None
) -> list[Table]:
    """Return what the machine can do, a line for each device and number of threads.

    rows: the bandwidth and the least time are for their epochs. features: pixels of an image.
    """
    firsts: dict[Resources, Row] = {}
    for one in rows:
        firsts.setdefault((one.case.device, one.case.threads), one)
    lines = []
    for resources, roofline in sorted(rooflines.items()):
        row = firsts.get(resources)
        size = 4 * row.case.samples * features if row and features else 0
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
                numbers.format_duration(row.roofline_seconds if row else None),
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
        f"{case.implementation}, {case.device}, {case.threads} thread{'s' * (case.threads > 1)}: "
        f"{record.status}, {record.reason or 'no reason was given'}"
        for record in records
        if isinstance(record, RooflineRecord) and record.status not in {"ok", "interrupted"}
        for case in [record.case]
    ]
    return list(dict.fromkeys(lines))


def describe_memory(run: LoadedRun) -> Section:
    """Return the peak memory of the ranked rows of the first workload at its first size."""
    title = "Peak memory by phase"
    ranked = {row.case.slug for row in run.rows if row.ranked}
    records = [
        one for one in run.records if one.case.slug in ranked and one.case.workload == run.workload
    ]
    cases = [row.case for row in run.base_rows if not row.swept]
    known = sort_memories(summarize_memory(records), cases)
    by_device = ([one for one in known if one.case.device == device] for device in ("cpu", "gpu"))
    tables = [table for group in by_device for table in tabulate_memory(group, cases)]
    pictures = [Picture("memory", title, partial(chart_memory, known, title))] if known else []
    return Section("Memory", tables, "No record has it.", pictures)


def tabulate_memory(known: Sequence[Memory], cases: Iterable[Case]) -> list[Table]:
    """Return the peaks of these cases by phase."""
    chosen = sort_memories(known, cases)
    phases = [phase for phase in MEMORY_PHASES if any(phase in one.peaks for one in chosen)]
    lines = [
        [
            one.case.implementation,
            *(numbers.format_mebibytes(one.peaks.get(phase)) for phase in phases),
        ]
        for one in chosen
    ]
    if not lines:
        return []
    title = f"Peak memory by phase: {describe_problem(chosen[0])}"
    return [Table(title, ("implementation", *phases), lines, 1, MEMORY_NOTE)]


def sort_memories(known: Iterable[Memory], cases: Iterable[Case]) -> list[Memory]:
    """Return the memory of these cases, the least peak first."""
    slugs = {case.slug for case in cases}
    chosen = [one for one in known if one.case.slug in slugs]
    return sorted(chosen, key=lambda one: max(one.peaks.values(), default=0.0))
