"""The devices of several machines side by side: throughput and speedups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.analysis.ranking import compare_machines
from bench.analysis.summary import Row
from bench.contract import Device
from bench.report.charts.epochs import chart_machines
from bench.report.labels import (
    describe_status,
    name_case,
    name_threads,
    remark_processes,
)
from bench.report.load import LoadedRun
from bench.report.parts import Picture, Section, Table
from bench.report.render import numbers
from bench.worker.machine import fingerprint

COMPARED = "The machines compared"
# Tables with a column for each machine, and charts with a colour for each, end here.
MAX_COLUMNS = 20
CROWDED = (
    f"More than {MAX_COLUMNS} machines do not fit side by side: see the table of all rows, and "
    "*Over time* for the newest runs of each machine."
)
NOT_ALIKE = "No two of them solved the same problem: their sizes or their data differ."
THROUGHPUT_NOTE = (
    "Samples per second of a steady-state epoch with 95 % intervals, and the largest parity error "
    "of a row. A row above 10⁻⁵ fails and is not ranked."
)
SPEEDUP_NOTE = (
    "The reference's epoch time over this one's: above 1, this one is faster. The interval covers "
    "the spread between the processes of these two runs, not the difference between runs of "
    "different days. Devices of the same run are compared round by round. Not only the processors "
    "differ: so do the libraries that a framework installs for them."
)


class ProblemRows(NamedTuple):
    """The rows of one problem, by implementation and by device of a machine.

    title: the problem in words. devices: with the names of their machines, in the order of runs.
    """

    title: str
    devices: Sequence[str]
    rows: Mapping[str, Mapping[str, Row]]


def name_devices(run: LoadedRun) -> dict[Device, str]:
    """Name the devices of a run on which anything was tried, the CPU with its threads first."""
    names: dict[Device, str] = {}
    if rows := [row for row in run.rows if row.case.device == "cpu"]:
        first = [row for row in rows if not row.swept] or rows
        names["cpu"] = f"{run.name}, {name_threads(first)}"
    if run.on_gpu:
        model = str(next(iter(run.machine.get("gpus") or ()), ""))
        names["gpu"] = f"{run.name}, gpu" if model in run.name else f"{run.name}, gpu {model}"
    return names


def group_by_problem(runs: Iterable[LoadedRun]) -> list[ProblemRows]:
    """Return the rows of each problem that at least two devices were given.

    Only those of a run's first size: a run's own report shows its sweep.
    """
    problems: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}
    for run in runs:
        data, digest = identify_data(run)
        devices = name_devices(run)
        for row in run.rows:
            case = row.case
            if not row.swept:
                title = f"{case.workload}: batch size {case.batch_size}, {case.samples:,} samples"
                title += f" of {data}{f' with {run.env}' if run.env else ''}"
                by_name = problems.setdefault((title, digest), {})
                by_name.setdefault(name_case(case), {})[devices[case.device]] = row
    grouped = []
    for (title, _), by_name in problems.items():
        tried = {device for by_device in by_name.values() for device in by_device}
        devices_in_order = [
            device for run in runs for device in name_devices(run).values() if device in tried
        ]
        grouped.append(ProblemRows(title, devices_in_order, by_name))
    return [problem for problem in grouped if len(problem.devices) > 1]


def identify_data(run: LoadedRun) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    facts = next((environment.data for environment in run.environments.values()), {})
    return str(facts.get("name")), fingerprint([facts.get("name"), facts.get("sha256")])


def describe_machines(runs: Sequence[LoadedRun]) -> Section:
    """Return the section that compares devices."""
    if sum(len(name_devices(run)) for run in runs) > MAX_COLUMNS:
        return Section(COMPARED, empty=CROWDED)
    problems = group_by_problem(runs)
    tables, pictures = [], []
    for number, problem in enumerate(problems, 1):
        tables += tabulate_problem(problem)
        rows = {
            name: ranked
            for name, by_device in problem.rows.items()
            if (ranked := {device: row for device, row in by_device.items() if row.ranked})
        }
        if rows:
            title = f"Epoch time on each machine, {problem.title}"
            draw = partial(chart_machines, rows, problem.devices, title)
            pictures.append(Picture(f"machines-{number}", title, draw))
    return Section(COMPARED, tables, NOT_ALIKE, pictures, list_remarks(problems))


def tabulate_problem(problem: ProblemRows) -> list[Table]:
    """Return the throughput of each device, and its speedup over the first one."""
    rates, speedups = [], []
    for name, by_device in problem.rows.items():
        rows = [by_device.get(device) for device in problem.devices]
        errors = [row.parity_error for row in by_device.values() if row.parity_error is not None]
        error = numbers.format_error(max(errors, default=None))
        rates.append([name, *map(format_rate, rows), error])
        speedups.append([name, *(format_speedup(row, rows[0]) for row in rows)])
    headings = ("implementation", *problem.devices)
    rate, speedup = "Samples per second", f"Speedup over {problem.devices[0]}"
    return [
        Table(f"{rate}, {problem.title}", (*headings, "parity error"), rates, 1, THROUGHPUT_NOTE),
        Table(f"{speedup}, {problem.title}", headings, speedups, 1, SPEEDUP_NOTE),
    ]


def format_rate(row: Row | None) -> str:
    """Return the samples per second of a row, or why it is not ranked."""
    if row is None or not row.ranked:
        return describe_status(row)
    rate = numbers.format_interval(row.epoch and row.case.samples / row.epoch)
    return rate + remark_processes(row)


def format_speedup(row: Row | None, base: Row | None) -> str:
    """Return how many times as fast a row is as the base row, or why it is not ranked."""
    if row is None or not row.ranked:
        return describe_status(row)
    return numbers.format_factor(compare_machines(row, base) if base else None)


def list_remarks(problems: Iterable[ProblemRows]) -> list[str]:
    """Name the versions of frameworks that differ between machines."""
    machines: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for by_device in (rows for problem in problems for rows in problem.rows.values()):
        for row in filter(lambda row: row.ranked, by_device.values()):
            machines[row.case.implementation][row.version][row.machine] = None
    return [
        f"versions differ, {name}: "
        + "; ".join(f"{version} on {' and '.join(on)}" for version, on in by_version.items())
        for name, by_version in machines.items()
        if len(by_version) > 1
    ]
