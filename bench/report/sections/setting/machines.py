"""The devices of several machines side by side: throughput, speedups, roofline, joules."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.analysis.ranking import compare_machines
from bench.analysis.summary import Row
from bench.contract import Device
from bench.records.environments import list_versions
from bench.report.charts.epochs import chart_machines
from bench.report.load import LoadedRun
from bench.report.render import numbers
from bench.report.sections import Picture, Section, Table
from bench.report.sections.costs.comparison import (
    add_threads,
    describe_status,
    name_case,
    name_offered_threads,
    remark_processes,
)
from bench.report.sections.costs.gpu import DEVICES
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
ROOFLINE_NOTE = (
    "The least time that an epoch could take, from the probes of the same run, over the time that "
    "it took."
)
JOULES_NOTE = "From the GPU's own counter, over the timed epochs and the time between them."


class Hardware(NamedTuple):
    """One device of one machine in one run.

    machine: its name in this report. id: the machine's. threads: of the CPU, in words. model: of
    the GPU, if known.
    """

    machine: str
    id: str
    device: Device
    threads: str
    model: str

    def __str__(self) -> str:
        if self.device == "cpu":
            return f"{self.machine}, {self.threads}"
        named = self.model in self.machine
        return f"{self.machine}, gpu" if named else f"{self.machine}, gpu {self.model}"


class Problem(NamedTuple):
    """What must be equal for two rows to be compared. digest: of the data's files."""

    workload: str
    batch_size: int
    samples: int
    data: str
    digest: str

    def __str__(self) -> str:
        return (
            f"{self.workload}: batch size {self.batch_size}, {self.samples:,} samples of "
            f"{self.data}"
        )


class ProblemRows(NamedTuple):
    """The rows of one problem, by implementation and hardware."""

    problem: Problem
    hardware: Sequence[Hardware]
    rows: Mapping[str, Mapping[Hardware, Row]]

    @property
    def ranked(self) -> list[tuple[Hardware, Row]]:
        """The ranked rows, with their hardware."""
        pairs = (pair for by_hardware in self.rows.values() for pair in by_hardware.items())
        return [(hardware, row) for hardware, row in pairs if row.ranked]


def list_hardware(run: LoadedRun) -> list[Hardware]:
    """Return the devices of a run on which anything was tried, the CPU first."""
    listed = []
    for device in DEVICES:
        if rows := [row for row in run.rows if row.case.device == device]:
            gpus = run.machine.get("gpus") or ()
            model = str(next(iter(gpus), "")) if device == "gpu" else ""
            threads = name_offered_threads(min(rows, key=lambda row: row.swept).case)
            listed.append(Hardware(run.name, str(run.machine.get("id")), device, threads, model))
    return listed


def group_by_problem(runs: Iterable[LoadedRun]) -> list[ProblemRows]:
    """Return the rows of each problem that at least two devices were given.

    Only those of a run's first size: a run's own report shows its sweep.
    """
    rows: dict[Problem, dict[str, dict[Hardware, Row]]] = defaultdict(lambda: defaultdict(dict))
    hardware: dict[Problem, dict[Hardware, None]] = defaultdict(dict)
    for run in runs:
        data = identify_data(run)
        by_device = {listed.device: listed for listed in list_hardware(run)}
        for row in run.rows:
            case = row.case
            if not row.swept:
                problem = Problem(case.workload, case.batch_size, case.samples, *data)
                rows[problem][name_case(case)][by_device[case.device]] = row
                hardware[problem][by_device[case.device]] = None
    return [
        ProblemRows(problem, list(hardware[problem]), by_name)
        for problem, by_name in rows.items()
        if len(hardware[problem]) > 1
    ]


def identify_data(run: LoadedRun) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    facts = next((environment.data for environment in run.environments.values()), {})
    return str(facts.get("name")), fingerprint([facts.get("name"), facts.get("sha256")])


def describe_machines(runs: Sequence[LoadedRun]) -> Section:
    """Return the section that compares devices."""
    if sum(len(list_hardware(run)) for run in runs) > MAX_COLUMNS:
        return Section(COMPARED, empty=CROWDED)
    problems = group_by_problem(runs)
    tables, pictures = [], []
    for number, problem in enumerate(problems, 1):
        tables += tabulate_problem(problem)
        if problem.ranked:
            title = f"Epoch time on each machine, {problem.problem}"
            rows = {
                name: {str(hardware): row for hardware, row in by_hardware.items() if row.ranked}
                for name, by_hardware in problem.rows.items()
            }
            draw = partial(chart_machines, rows, list(map(str, problem.hardware)), title)
            pictures.append(Picture(f"machines-{number}", title, draw))
    remarks = [*list_suites(runs), *list_remarks(problems)] if problems else []
    return Section(COMPARED, tables, NOT_ALIKE, pictures, remarks)


def tabulate_problem(problem: ProblemRows) -> list[Table]:
    """Return what each device did: throughput, speedup over the first, roofline and joules.

    The tables of roofline and joules are left out if no row has them.
    """

    def format_rate(row: Row, _: Row | None) -> str:
        rate = numbers.format_interval(row.epoch and row.case.samples / row.epoch)
        return add_threads(rate, row.case) + remark_processes(row)

    def format_speedup(row: Row, base: Row | None) -> str:
        return numbers.format_factor(compare_machines(row, base) if base else None)

    def format_roofline(row: Row, _: Row | None) -> str:
        return numbers.format_percent(row.roofline_share)

    def format_joules(row: Row, _: Row | None) -> str:
        return numbers.format_number(row.epoch_joules)

    rates = _tabulate(problem, "Samples per second", format_rate, THROUGHPUT_NOTE)
    for line, by_hardware in zip(rates.lines, problem.rows.values(), strict=True):
        errors = [row.parity_error for row in by_hardware.values() if row.parity_error is not None]
        line.append(numbers.format_error(max(errors, default=None)))
    speedup = f"Speedup over {problem.hardware[0]}"
    tables = [
        Table(rates.title, (*rates.headings, "parity error"), rates.lines, 1, rates.note),
        _tabulate(problem, speedup, format_speedup, SPEEDUP_NOTE),
    ]
    ranked = [row for _, row in problem.ranked]
    if any(row.roofline_share is not None for row in ranked):
        title = "% of each device's roofline"
        tables.append(_tabulate(problem, title, format_roofline, ROOFLINE_NOTE))
    if any(row.epoch_joules is not None for row in ranked):
        tables.append(_tabulate(problem, "Joules per epoch", format_joules, JOULES_NOTE))
    return tables


def _tabulate(
    problem: ProblemRows, title: str, format_cell: Callable[[Row, Row | None], str], note: str
) -> Table:
    """Return a table with a column for each device.

    format_cell: takes a ranked row, and the row of the first device or None.
    """
    lines = []
    for name, by_hardware in problem.rows.items():
        rows = [by_hardware.get(hardware) for hardware in problem.hardware]
        cells = [
            format_cell(row, rows[0]) if row and row.ranked else describe_status(row)
            for row in rows
        ]
        lines.append([name, *cells])
    headings = ("implementation", *map(str, problem.hardware))
    return Table(f"{title}, {problem.problem}", headings, lines, 1, note)


def list_remarks(problems: Iterable[ProblemRows]) -> list[str]:
    """Name versions of frameworks that differ, and devices without a roofline."""
    versions: dict[str, dict[str, dict[str, None]]] = {}
    by_hardware: dict[Hardware, list[Row]] = {}
    for hardware, row in (pair for problem in problems for pair in problem.ranked):
        by_version = versions.setdefault(row.case.implementation, {})
        by_version.setdefault(row.version, {})[hardware.machine] = None
        by_hardware.setdefault(hardware, []).append(row)
    remarks = [
        f"versions differ, {name}: {_list_by_version(by_version)}"
        for name, by_version in versions.items()
        if len(by_version) > 1
    ]
    not_probed = [
        str(hardware)
        for hardware, rows in by_hardware.items()
        if all(row.roofline_share is None for row in rows)
    ]
    if not_probed:
        remarks.append(f"no roofline, because it was not probed: {'; '.join(not_probed)}")
    return remarks


def list_suites(runs: Iterable[LoadedRun]) -> list[str]:
    """Report versions of the suite that differ: its implementations may differ too."""
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        suite = list_versions(run.environments.values()).get("suite", "")
        versions.setdefault(suite, {})[run.name] = None
    if len(versions) < 2:
        return []
    problem = "versions of the suite differ, and so may its implementations"
    return [f"{problem}: {_list_by_version(versions)}"]


def _list_by_version(by_version: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{version} on {' and '.join(on)}" for version, on in by_version.items())
