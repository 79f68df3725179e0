"""What the machine can do at best, and the memory that each program takes."""

from collections.abc import Iterable, Mapping, Sequence

from bench.analysis.roofline import Resources, Roofline, find_rooflines
from bench.analysis.summary import Row
from bench.records.schema import Record, RooflineRecord
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    group_by_device,
    list_names,
    quote_known,
    select_ranked,
    select_softmax,
    tabulate_programs,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table

ROOFLINE_TITLE = "How far from what the machine can do?"
NO_PROBE = "The machine was not probed: leave out `--no-roofline`."
ROOFLINE_NOTE = (
    "The best of all probes in their fastest repetitions. The bandwidth "
    "is for reading as many float32 images as an epoch of the tables has. The roofline of an epoch "
    "is the longest of three: two dense products at this rate, its images read once, and on a GPU "
    "its steps one after the other. It differs between rows: some keep a pixel in one byte. *% of "
    "roofline* in the tables is that time over the epoch's."
)
PROBED = "Probed: {}. A faster library would lower all shares."
MEMORY_TITLE = "Peak memory"
MEMORY_NOTE = (
    "Peak of the resident memory up to the end of each phase. The data count from the phase *data* "
    "on."
)


def describe_roofline(run: LoadedRun) -> Section:
    """Return what the probes of a run reached, and how far from it the programs are."""
    # Older environments do not give the number of features.
    recorded = (environment.data.get("features") for environment in run.environments.values())
    features = next((number for number in recorded if isinstance(number, int)), 0)
    image_bytes = 4 * features * run.plan.cases[0].samples
    rooflines = find_rooflines(run.records)
    table_list = [tabulate_roofline(rooflines, image_bytes)] if rooflines else []
    empty = "No probe succeeded." if run.plan.rooflines else NO_PROBE
    rows = select_softmax(select_ranked(run.rows, run.workload))
    finding = ""
    bounded = [row for row in rows if row.roofline_share is not None]
    if len(bounded) > 1:
        reached = quote_known(bounded, lambda row: numbers.format_percent(row.roofline_share))
        finding = f"Of the speed of two dense products, the programs reach: {reached}."
    remarks = list_failed_probes(run.records)
    probes = [record for record in run.records if isinstance(record, RooflineRecord)]
    if probed := sorted({probe.case.framework for probe in probes if probe.status == "ok"}):
        remarks.append(PROBED.format(list_names(probed, len(probed))))
    return Section(ROOFLINE_TITLE, table_list, empty, remarks=remarks, finding=finding)


def tabulate_roofline(rooflines: Mapping[Resources, Roofline], image_bytes: int) -> Table:
    """Return what the machine can do, a line for each device and number of threads.

    image_bytes: of the float32 images that an epoch of the tables reads.
    """
    resources, best = zip(*sorted(rooflines.items()), strict=True)
    reads = [roof.reads.get(image_bytes, (None, "")) for roof in best]
    columns = (
        tables.list_words("device", [device for device, _ in resources]),
        tables.list_counts("threads", [threads for _, threads in resources]),
        tables.list_numbers("matrix product, GFLOP/s", [roof.rate for roof in best], 1e-9),
        tables.list_numbers("bandwidth, GB/s", [speed for speed, _ in reads], 1e-9),
        tables.list_times("a step", [roof.step for roof in best]),
        tables.list_words("best product by", [roof.rate_by for roof in best]),
        tables.list_words("best bandwidth by", [framework for _, framework in reads]),
    )
    return tables.build_table("The roofline", columns, ROOFLINE_NOTE)


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
    rows = [row for row in select_ranked(run.rows, run.workload) if row.memory.by_phase]
    rows.sort(key=lambda row: max(row.memory.by_phase.values()))
    table_list, finding = tabulate_memory(rows), describe_imports(rows)
    return Section(MEMORY_TITLE, table_list, "No record has it.", finding=finding)


def describe_imports(rows: Sequence[Row]) -> str:
    """Say how much memory frameworks take before any image is read; empty for a single program."""
    imported = [row for row in rows if row.case.device == "cpu" and "import" in row.memory.by_phase]
    if len(imported) < 2:
        return ""
    imported.sort(key=lambda row: row.memory.imported_bytes)
    sizes = quote_known(imported, lambda row: numbers.format_mebibytes(row.memory.imported_bytes))
    return f"Memory after the import, without the data: {sizes}."


def tabulate_memory(rows: Iterable[Row]) -> list[Table]:
    """Return the peaks by phase, a table for each device."""
    table_list = []
    for group in group_by_device(rows):
        columns = [
            tables.list_memory(phase, [row.memory.by_phase.get(phase) for row in group])
            for phase in dict.fromkeys(phase for row in group for phase in row.memory.by_phase)
        ]
        table_list.append(tabulate_programs("Peak memory by phase", columns, MEMORY_NOTE, group))
    return table_list
